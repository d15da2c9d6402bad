// As much of a browser's document as the tests of js/ need, without parsing HTML or selectors of more than one part.

/** An element: attributes, children, listeners. */
export class FakeElement {
  constructor(tag) {
    this.tag = tag;
    this.attributes = {};
    this.dataset = {};
    this.childNodes = [];
    this.listeners = {};
    this.hidden = false;
  }

  get textContent() { return this.childNodes.map((child) => (typeof child === "string" ? child : child.textContent)).join(""); }
  set textContent(text) { this.childNodes = [String(text)]; }
  get children() { return this.childNodes.filter((child) => typeof child !== "string"); }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  getAttribute(name) { return this.attributes[name] ?? null; }
  append(...children) { this.childNodes.push(...children.flatMap((child) => (child instanceof FakeElement && child.tag === "#fragment" ? child.childNodes : [child]))); }
  addEventListener(name, listener) { (this.listeners[name] ??= []).push(listener); }
  dispatchEvent(event) { for (const listener of this.listeners[event.type] ?? []) listener(event); return true; }
}

/** Puts a document in place whose elements are found by the very selectors that are given; returns it. */
export function fakeDocument(found = {}) {
  const list = (selector) => [found[selector] ?? []].flat();
  const document = Object.assign(new FakeElement("#document"), {
    documentElement: new FakeElement("html"),
    title: "Requests",
    querySelector: (selector) => list(selector)[0] ?? null,
    querySelectorAll: list,
    createElement: (tag) => new FakeElement(tag),
    createElementNS: (_, tag) => new FakeElement(tag),
    createDocumentFragment: () => new FakeElement("#fragment"),
  });
  globalThis.document = document;
  globalThis.window ??= globalThis;
  globalThis.HTMLElement ??= class {};
  globalThis.customElements ??= { define() {} };
  return document;
}

/** Timers that go off when a test says so. */
export function fakeTimers() {
  let now = 0;
  let due = [];
  globalThis.setTimeout = (work, wait = 0) => { const timer = { at: now + wait, work }; due.push(timer); return timer; };
  globalThis.clearTimeout = (timer) => { due = due.filter((one) => one !== timer); };
  return function tick(milliseconds) {
    now += milliseconds;
    const ready = due.filter((timer) => timer.at <= now).sort((one, two) => one.at - two.at);
    due = due.filter((timer) => timer.at > now);
    for (const timer of ready) timer.work();
  };
}
