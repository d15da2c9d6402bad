import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeElement, fakeDocument } from "../fake-dom.mjs";

const NOW = Date.UTC(2026, 10, 23, 12);

function time(secondsAgo) {
  const element = new FakeElement("time");
  element.dateTime = Number.isNaN(secondsAgo) ? "once" : new Date(NOW - secondsAgo * 1000).toISOString();
  element.textContent = "as the server wrote it";
  return element;
}

test("times are told in words for a week, then as the server wrote them", async () => {
  const ago = [10, 50, 3000, 7200, 86400, 3 * 86400, 8 * 86400, Number.NaN, -7200];
  const elements = ago.map(time);
  const document = fakeDocument({ "time[data-relative]": elements });
  const { refreshTimes } = await import("../js/time.js");
  Date.now = () => NOW;
  document.documentElement.lang = "en";
  refreshTimes();
  const words = ["now", "50 seconds ago", "50 minutes ago", "2 hours ago", "yesterday", "3 days ago", "as the server wrote it", "as the server wrote it", "in 2 hours"];
  assert.deepEqual(elements.map((element) => element.textContent), words);
  assert.ok(elements[0].title.includes("2026"), "the exact time can be read too");
  document.documentElement.lang = "de";
  refreshTimes();
  assert.equal(elements[3].textContent, "vor 2 Stunden");
});
