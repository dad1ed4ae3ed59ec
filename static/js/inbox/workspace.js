// The workspace: each behaviour lives in its own file and speaks to the others through events on the document.
import "./live.js";
import "./list.js";
import "./thread.js";
import "./composer.js";
import "./presence.js";
import "./mail.js";
import "./palette.js";
import "./keys.js";
