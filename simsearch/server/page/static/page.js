// The page's script: an ES module without a build. Everything but reviewing by keys works without it, too.
import { startAsking } from "./ask.js";
import { localise } from "./dom.js";
import { startKeys } from "./keys.js";
import { startReview } from "./review.js";
import { startViewer } from "./viewer.js";

document.body.classList.add("js");
localise(document);
startViewer();
startAsking();
startReview();
startKeys();
