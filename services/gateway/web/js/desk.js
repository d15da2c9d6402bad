// What the desk loads: the same parts, the desk's keys and its live queues.
import "htmx.org";
import "./uploads.js";
import "./typeahead.js";
import "./drafts.js";
import { $, csrf } from "./util.js";
import { enhanceForms, startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { liveThread, refreshParts, startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { refreshTimes, startTimes } from "./time.js";

function mode(value) {
  const choice = $(`input[name="visibility"][value="${value}"]`);
  if (!choice) return;
  choice.checked = true;
  choice.dispatchEvent(new Event("change", { bubbles: true }));
  $("#body")?.focus();
}

startMenus();
startForms();
startTimes();
startKeys({
  r: () => mode("public"),
  n: () => mode("internal"),
  a: () => $("#assignee")?.focus(),
  s: () => $("#next-status, #status")?.focus(),
});
document.addEventListener("htmx:config:request", (event) => { event.detail.ctx.request.headers["X-CSRF-Token"] = csrf(); });
document.addEventListener("htmx:after:swap", () => { enhanceForms(); refreshTimes(); });

const thread = $(".pane.detail");
if (thread && $("#thread")) thread.scrollTop = thread.scrollHeight;

const number = document.documentElement.dataset.ticket;
const queues = ["#queues", "#ticket-list"];
const onThread = number ? liveThread(number, ["#thread", "#ticket-status", "#props"]) : null;
let again;
startLive((note) => {
  if (onThread && (note.kind === "resync" || note.data.number === number)) onThread(note);
  // Many notes at once refresh the queues once.
  clearTimeout(again);
  again = setTimeout(() => refreshParts(queues), 250);
});
