// Single keys never fire in fields and can be turned off (cookie portico-keys=off, WCAG 2.1.4). "?" shows what there is.
import { $, $$, announce, base } from "./util.js";

const inField = (target) => target.closest?.("input, textarea, select, [contenteditable]");
const off = () => document.cookie.split("; ").includes("portico-keys=off");

// The titles of the list that is looked at: what j and k step through.
const rows = ".table .title, .rows .title, .result > a, .plain-list a, .tix a";

function step(by) {
  const links = $$(rows, $("main")).filter((link) => link.href);
  const at = links.indexOf(document.activeElement);
  const open = links.findIndex((link) => link.getAttribute("aria-current"));
  links[Math.max(0, Math.min(links.length - 1, (at < 0 ? open : at) + by))]?.focus();
}

function sheet() {
  const dialog = $("#keys");
  if (!dialog || dialog.open) return;
  word();
  dialog.showModal();
}

// The button says what it will do.
function word() {
  const button = $("[data-keys-switch]");
  if (button) button.textContent = off() ? button.dataset.on : button.dataset.off;
}

function turn() {
  const now = off();
  document.cookie = `portico-keys=${now ? "on" : "off"}; Path=/; Max-Age=31536000; SameSite=Lax`;
  announce(now ? "Single keys are on" : "Single keys are off");
  word();
}

export function startKeys(extra = {}) {
  const keys = { j: () => step(1), k: () => step(-1), "?": sheet, ...extra };
  let leader = 0;
  $("[data-keys-switch]")?.addEventListener("click", turn);
  $("[data-keys-open]")?.addEventListener("click", sheet);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || inField(event.target) || $("dialog[open]") || off()) return;
    const go = { h: "/", r: "/requests", c: "/community", k: "/kb" };
    if (Date.now() - leader < 1200 && go[event.key]) { event.preventDefault(); location.assign(base() + go[event.key]); return; }
    leader = 0;
    if (event.key === "g") { leader = Date.now(); return; }
    if (event.key === "/") {
      const field = [".big-search input", ".top-search input", 'input[type="search"]'].flatMap((selector) => $$(selector)).find((input) => input.offsetParent);
      if (field) { event.preventDefault(); field.focus(); field.select(); }
      return;
    }
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
}
