import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

/** Runs the worker's script as a browser would and asks it for one number. */
function solve(salt, difficulty) {
  const answers = [];
  const self = { postMessage: (answer) => answers.push(answer) };
  vm.runInNewContext(readFileSync(new URL("../js/pow-worker.js", import.meta.url), "utf8"), { self, TextEncoder, Uint32Array, Uint8Array, DataView, Math, String });
  self.onmessage({ data: { salt, difficulty } });
  assert.equal(answers.length, 1);
  return answers[0].number;
}

function zeroBits(text) {
  const bits = [...createHash("sha256").update(text).digest()].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits.indexOf("1");
}

test("the number that is found is the first whose real SHA-256 begins with enough zero bits", () => {
  // Salts on both sides of what fits into one block, and one that is not ASCII.
  for (const salt of ["", "v1.AbC-_", "x".repeat(54), "x".repeat(55), "y".repeat(64), "z".repeat(200), "ä§漢"]) {
    const number = Number(solve(salt, 9));
    assert.ok(zeroBits(salt + number) >= 9, salt);
    for (let earlier = 0; earlier < number; earlier++) assert.ok(zeroBits(salt + earlier) < 9, `${salt}: ${earlier} was passed over`);
  }
});
