import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeDocument } from "../fake-dom.mjs";

fakeDocument();
const { emphasise, shortest } = await import("../js/typeahead.js");

const shown = (text, query) => emphasise(text, query).childNodes.map((part) => (typeof part === "string" ? part : `[${part.textContent}]`)).join("");

test("the beginnings of words that were typed are marked, whatever their case", () => {
  assert.equal(shown("Reset your Password", "pass RES"), "[Res]et your [Pass]word");
  assert.equal(shown("A plan for a team", "a"), "A plan for a team", "one letter marks nothing");
  assert.equal(shown("Nothing  here", "vpn"), "Nothing  here", "spaces stay as they are");
});

test("markup in a title stays text", () => {
  const parts = emphasise("<img src=x> vpn", "vpn").childNodes;
  assert.deepEqual(parts.filter((part) => typeof part === "string" && part), ["<img", " ", "src=x>", " "]);
});

test("scripts without spaces ask from the first letter on", () => {
  assert.equal(shortest("v"), 2);
  for (const query of ["検", "か", "한"]) assert.equal(shortest(query), 1);
});
