// <type-ahead>: an ARIA 1.2 combobox over P/suggest. The field keeps the focus; Enter without a choice submits the form.
import { $, announce, api, base, debounce, icon, make } from "./util.js";

const names = { articles: "Articles", faqs: "Questions and answers", topics: "Community", announcements: "Announcements", tickets: "Your requests" };
const icons = { articles: "file-text", faqs: "circle-question-mark", topics: "messages-square", announcements: "megaphone", tickets: "inbox" };
let serial = 0;

/** Text with the typed words in bold, built from nodes. */
export function emphasise(text, query) {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word.length > 1);
  const out = document.createDocumentFragment();
  for (const part of text.split(/(\s+)/)) {
    const word = words.find((start) => part.toLowerCase().startsWith(start));
    if (word) out.append(make("mark", {}, part.slice(0, word.length)), part.slice(word.length));
    else out.append(part);
  }
  return out;
}

export const shortest = (query) => (/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/.test(query) ? 1 : 2);

class TypeAhead extends HTMLElement {
  connectedCallback() {
    if (this.input) return;
    this.input = $("input[type=search]", this);
    const id = `suggest-${++serial}`;
    this.list = make("div", { role: "listbox", id, class: "listbox", "aria-label": "Suggestions", hidden: true });
    this.append(this.list);
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, autocomplete: "off", "aria-haspopup": "listbox" })) this.input.setAttribute(name, value);
    this.turn = 0;
    const ask = debounce(130, () => this.ask());
    this.input.addEventListener("input", ask);
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("focus", () => { if (this.list.childElementCount && this.input.value.trim().length > 1) this.show(true); });
    this.addEventListener("focusout", (event) => { if (!this.contains(event.relatedTarget)) this.show(false); });
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  get options() { return [...this.list.querySelectorAll('[role="option"]')]; }

  show(on) {
    this.list.hidden = !on;
    this.input.setAttribute("aria-expanded", String(on));
    if (!on) this.pick(-1);
  }

  pick(index) {
    this.at = index;
    this.options.forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    const chosen = this.options[index];
    if (chosen) { this.input.setAttribute("aria-activedescendant", chosen.id); chosen.scrollIntoView({ block: "nearest" }); }
    else this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const count = this.options.length;
    if (event.key === "Escape" && !this.list.hidden) { event.preventDefault(); this.show(false); return; }
    if (event.key === "Enter" && !this.list.hidden && this.options[this.at]) { event.preventDefault(); location.assign(this.options[this.at].href); return; }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    if (!count) return;
    event.preventDefault();
    if (this.list.hidden) this.show(true);
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = (this.at ?? -1) + step;
    this.pick(next < -1 ? count - 1 : next >= count ? -1 : next);
  }

  async ask() {
    const query = this.input.value.trim();
    const turn = ++this.turn;
    if (query.length < shortest(query)) { this.list.replaceChildren(); this.show(false); return; }
    try {
      const answer = await fetch(`${api()}/suggest?q=${encodeURIComponent(query)}`, { headers: { Accept: "application/json" } });
      if (!answer.ok || turn !== this.turn) return;
      const { groups } = await answer.json();
      if (turn === this.turn) this.fill(groups, query);
    } catch { /* offline: the form still searches */ }
  }

  fill(groups, query) {
    const rows = [];
    let count = 0;
    for (const group of groups) {
      if (!group.items.length) continue;
      const heading = `${this.list.id}-${group.kind}`;
      const box = make("div", { role: "group", "aria-labelledby": heading }, make("div", { class: "group", id: heading, role: "presentation" }, names[group.kind] ?? group.kind));
      for (const item of group.items.slice(0, 8)) {
        box.append(make("a", { role: "option", id: `${this.list.id}-${count++}`, href: item.url, tabindex: "-1", "aria-selected": "false" }, icon(icons[group.kind] ?? "file-text"), make("span", {}, emphasise(item.title, query))));
      }
      rows.push(box);
    }
    const all = `${base()}/search?q=${encodeURIComponent(query)}`;
    rows.push(make("a", { role: "option", id: `${this.list.id}-${count}`, href: all, tabindex: "-1", "aria-selected": "false" }, icon("search"), make("span", {}, `Search all for “${query}”`)));
    this.list.replaceChildren(...rows);
    this.show(document.activeElement === this.input);
    this.pick(-1);
    announce(count === 0 ? "No suggestions" : count === 1 ? "1 suggestion" : `${count} suggestions`);
  }
}

customElements.define("type-ahead", TypeAhead);
