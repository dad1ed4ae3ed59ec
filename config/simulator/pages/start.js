/* One page that plays every device. State comes from /state; each device is a module that draws its part. */
import { Page } from "./page.js";

await new Page(document).start();
