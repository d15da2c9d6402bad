import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FakeElement, fakeDocument, fakeTimers } from "../fake-dom.mjs";

const kept = new Map();
globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
let Saver;
globalThis.customElements = { define: (_, element) => { Saver = element; } };
globalThis.HTMLElement = FakeElement;
fakeDocument();
await import("../js/drafts.js");

function field(name, value = "") {
  return Object.assign(new FakeElement("textarea"), { name, value });
}

/** A form as it is when its page was loaded. */
function open(...fields) {
  const form = new FakeElement("form");
  form.querySelectorAll = () => fields;
  const saver = new Saver("draft-saver");
  saver.dataset.key = "demo/new";
  saver.closest = () => form;
  saver.connectedCallback();
  return form;
}

beforeEach(() => kept.clear());

test("what was written is there again after the tab was lost, and gone after it was sent", () => {
  const { setTimeout, clearTimeout } = globalThis;
  const tick = fakeTimers();
  const body = field("body");
  const form = open(body, field("_csrf", "secret"));
  body.value = "Half a sentence";
  form.dispatchEvent({ type: "input" });
  tick(800);
  assert.ok(!kept.get("draft:demo/new").includes("secret"), "hidden fields are not kept");
  const [again, written] = [field("body"), field("body", "the server's own text")];
  open(again);
  open(written);
  assert.deepEqual([again.value, written.value], ["Half a sentence", "the server's own text"]);
  form.dispatchEvent({ type: "submit" });
  tick(0);
  assert.equal(kept.size, 0);
  Object.assign(globalThis, { setTimeout, clearTimeout });
});

test("a broken draft is no draft", () => {
  kept.set("draft:demo/new", "{half");
  const body = field("body");
  open(body);
  assert.equal(body.value, "");
});
