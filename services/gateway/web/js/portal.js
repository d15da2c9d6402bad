// What the customers' pages load.
import "htmx.org";
import "./uploads.js";
import "./typeahead.js";
import "./suggest.js";
import "./captcha.js";
import "./drafts.js";
import { $, csrf } from "./util.js";
import { enhanceForms, startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { liveThread, refreshParts, startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { refreshTimes, startTimes } from "./time.js";

function start(keys) {
  startMenus();
  startForms();
  startTimes();
  startKeys(keys);
  document.addEventListener("htmx:config:request", (event) => { event.detail.ctx.request.headers["X-CSRF-Token"] = csrf(); });
  document.addEventListener("htmx:after:swap", () => { enhanceForms(); refreshTimes(); });
  const number = document.documentElement.dataset.ticket;
  if (number) startLive(liveThread(number, ["#thread", "#case-status", "#case-due", "#case-actions", "#facts"]));
  else if ($("[data-live-part]")) startLive((note) => { if (note.kind !== "notification") refreshParts(["[data-live-part]"]); });
  else startLive(() => {});
}


start({});
