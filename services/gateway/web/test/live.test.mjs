import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeElement, fakeDocument } from "../fake-dom.mjs";

const badge = new FakeElement("span");
const link = new FakeElement("a");
const document = fakeDocument({ "[data-bell]": badge, "[data-bell-label]": link });

const streams = [];
const channels = [];
globalThis.EventSource = class extends FakeElement {
  static CLOSED = 2;
  constructor(url) { super("source"); this.url = url; streams.push(this); }
  close() { this.readyState = 2; }
};
globalThis.BroadcastChannel = class {
  constructor(name) { this.name = name; channels.push(this); }
  postMessage(data) { for (const other of channels) if (other !== this && other.name === this.name) other.onmessage({ data }); }
};
globalThis.addEventListener = () => {};
const { startLive } = await import("../js/live.js");

test("a guest has no stream; of a person's tabs one reads it and tells the others", () => {
  // The lock goes to the first tab that asks; the others wait for it.
  let held = false;
  Object.defineProperty(globalThis, "navigator", {
    configurable: true,
    value: { locks: { request: async (_, work) => { if (!held) { held = true; await work(); } } } },
  });
  startLive(() => assert.fail("nobody is signed in"));
  assert.equal(channels.length, 0);

  Object.assign(document.documentElement.dataset, { person: "p1", portal: "demo", api: "/api/v1/portals/demo" });
  const heard = [[], []];
  for (const tab of heard) startLive((note) => tab.push(note));
  assert.deepEqual(streams.map((stream) => stream.url), ["/api/v1/portals/demo/live"]);
  streams[0].dispatchEvent({ type: "ticket", data: '{"number":"D-1","version":7}' });
  streams[0].dispatchEvent({ type: "resync", data: "" });
  for (const tab of heard) assert.deepEqual(tab, [{ kind: "ticket", data: { number: "D-1", version: 7 } }, { kind: "resync", data: {} }]);
});

test("the bell's number is in the badge, in the title and in words, and leaves with the last unread one", () => {
  const ring = (count) => streams[0].dispatchEvent({ type: "notification", data: JSON.stringify({ id: "n", unread_count: count }) });
  ring(3);
  assert.deepEqual([badge.textContent, document.title, link.getAttribute("aria-label")], ["3", "(3) Requests", "Notifications, 3 unread"]);
  ring(140);
  assert.deepEqual([badge.textContent, document.title], ["99", "(140) Requests"]);
  ring(0);
  assert.deepEqual([badge.textContent, document.title, link.getAttribute("aria-label")], ["", "Requests", "Notifications"]);
});
