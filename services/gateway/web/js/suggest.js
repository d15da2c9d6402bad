// <subject-suggest for="subject">: articles that may answer the request, below its subject. Opening one keeps the form.
import { $, announce, api, base, debounce, icon, make } from "./util.js";
import { shortest } from "./typeahead.js";

class SubjectSuggest extends HTMLElement {
  connectedCallback() {
    const field = document.getElementById(this.getAttribute("for"));
    if (!field) return;
    this.turn = 0;
    const ask = debounce(250, () => this.ask(field.value.trim()));
    field.addEventListener("input", ask);
    if (field.value.trim()) ask();
  }

  async ask(query) {
    const turn = ++this.turn;
    if (query.length < shortest(query) + 2) { this.replaceChildren(); return; }
    const answer = await fetch(`${api()}/search?limit=5&in=articles,faqs&q=${encodeURIComponent(query)}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok || turn !== this.turn) return;
    const { groups } = await answer.json();
    if (turn !== this.turn) return;
    const items = groups.flatMap((group) => group.items).sort((a, b) => b.score - a.score);
    // A floor: what scores far below the best hit is noise, and showing noise is worse than showing nothing.
    const good = items.filter((item) => item.score > 0 && item.score >= items[0].score * 0.4).slice(0, 5);
    if (good.length === 0) { this.replaceChildren(); return; }
    const list = make("ul", { class: "stack" });
    list.className = "suggest-list";
    for (const item of good) list.append(this.row(item));
    this.replaceChildren(make("section", { class: "suggestions", "aria-label": "Articles that may help" }, make("h2", {}, "This may already be answered"), list));
    announce(good.length === 1 ? "1 article may help" : `${good.length} articles may help`);
  }

  row(item) {
    const text = new DOMParser().parseFromString(item.snippet ?? "", "text/html").body.textContent.trim();
    const link = make("a", { href: item.url, target: "_blank", rel: "noopener" }, "Read the article in a new tab");
    const details = make("details", {}, make("summary", {}, item.title, icon("chevron-down")), make("div", { class: "preview" }, make("p", {}, text), link));
    return make("li", {}, details);
  }
}

customElements.define("subject-suggest", SubjectSuggest);
