// Menus are <details>: they open and close without scripts. Here: one at a time, Escape, a click elsewhere, and arrow keys.
import { $, $$ } from "./util.js";

const open = () => $$("details.menu[open]");

export function startMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!menu.matches?.("details.menu") || !menu.open) return;
    for (const other of open()) if (other !== menu && !other.contains(menu)) other.open = false;
  }, true);
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details.menu[open]") ?? open()[0];
    if (!menu) return;
    if (event.key === "Escape") {
      menu.open = false;
      $("summary", menu)?.focus();
      return;
    }
    if (!["ArrowDown", "ArrowUp"].includes(event.key) || !menu.contains(document.activeElement)) return;
    const items = $$("a[href], button", menu);
    const step = event.key === "ArrowDown" ? 1 : -1;
    const at = items.indexOf(document.activeElement);
    items[(at + step + items.length) % items.length]?.focus();
    event.preventDefault();
  });
  // The window of facts on a phone starts folded, on a wide screen it is always open.
  const wide = matchMedia("(min-width: 60rem)");
  const fold = () => { for (const facts of $$("details.facts-fold")) facts.open = wide.matches; };
  fold();
  wide.addEventListener("change", fold);
}
