// Single keys never fire in fields and can be turned off (cookie portico-keys=off, WCAG 2.1.4).
import { $, base } from "./util.js";

const inField = (target) => target.closest?.("input, textarea, select, [contenteditable]");

export function startKeys(extra = {}) {
  let leader = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || inField(event.target) || document.cookie.includes("portico-keys=off")) return;
    const go = { h: "/", r: "/requests", c: "/community", k: "/kb" };
    if (Date.now() - leader < 1200 && go[event.key] && base().startsWith("/portal/")) { event.preventDefault(); location.assign(base() + go[event.key]); return; }
    if (event.key === "g") { leader = Date.now(); return; }
    if (event.key === "/") {
      const field = $(".big-search input") ?? $(".top-search input") ?? $('input[type="search"]');
      if (field && field.offsetParent) { event.preventDefault(); field.focus(); field.select(); }
      return;
    }
    if (extra[event.key]) { event.preventDefault(); extra[event.key](); }
  });
}
