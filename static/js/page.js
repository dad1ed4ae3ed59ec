// What every page does; each behaviour lives in its own file.
import "./toasts.js";
import "./menus.js";
import "./dialogs.js";
import "./ages.js";
import "./requests.js";
import "./copying.js";
import "./side_nav.js";
