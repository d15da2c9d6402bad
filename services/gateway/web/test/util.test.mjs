import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeDocument, fakeTimers } from "../fake-dom.mjs";

fakeDocument();
const { debounce, make, size } = await import("../js/util.js");

test("a size is written as the server writes it", () => {
  const words = { 0: "0 bytes", 1023: "1023 bytes", 1024: "1 KB", 1_048_575: "1023 KB", 1_048_576: "1 MB", 2_621_440: "2.5 MB", 26_214_400: "25 MB", 26_214_399: "24.9 MB" };
  for (const [bytes, text] of Object.entries(words)) assert.equal(size(Number(bytes)), text);
});

test("of many calls the last one works, once, after the pause", () => {
  const { setTimeout, clearTimeout } = globalThis;
  const tick = fakeTimers();
  const seen = [];
  const work = debounce(100, (text) => seen.push(text));
  work("a");
  tick(99);
  work("ab");
  tick(99);
  assert.deepEqual(seen, []);
  tick(1);
  assert.deepEqual(seen, ["ab"]);
  Object.assign(globalThis, { setTimeout, clearTimeout });
});

test("an element is made of text, never of HTML, and without what is absent", () => {
  let clicks = 0;
  const made = make("a", { href: "/x", hidden: true, title: null, "aria-busy": false, onclick: () => clicks++ }, "<b>x</b>", null);
  assert.deepEqual(made.attributes, { href: "/x", hidden: "" });
  assert.deepEqual(made.childNodes, ["<b>x</b>"]);
  made.dispatchEvent({ type: "click" });
  assert.equal(clicks, 1);
});
