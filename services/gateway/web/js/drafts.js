// <draft-saver>: keeps what is being written in the browser until it was sent, so that a lost tab costs nothing.
import { $$, debounce } from "./util.js";

class DraftSaver extends HTMLElement {
  connectedCallback() {
    const form = this.closest("form");
    const key = `draft:${this.dataset.key}`;
    const fields = $$("input[type=text], textarea", form).filter((field) => field.name && !field.name.startsWith("_"));
    try {
      const kept = JSON.parse(localStorage.getItem(key) ?? "null");
      if (kept && !$$("#error-summary").length) for (const field of fields) if (!field.value && kept[field.name]) { field.value = kept[field.name]; field.dispatchEvent(new Event("input", { bubbles: true })); }
    } catch { /* a broken draft is no draft */ }
    form.addEventListener("input", debounce(800, () => {
      const values = Object.fromEntries(fields.map((field) => [field.name, field.value]));
      if (Object.values(values).some(Boolean)) localStorage.setItem(key, JSON.stringify(values));
      else localStorage.removeItem(key);
    }));
    form.addEventListener("submit", () => setTimeout(() => localStorage.removeItem(key), 0));
    form.addEventListener("htmx:after:request", () => localStorage.removeItem(key));
  }
}

customElements.define("draft-saver", DraftSaver);
