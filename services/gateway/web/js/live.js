// One stream for the whole browser: the tab that holds the lock reads it and tells the others over a BroadcastChannel.
import { $, $$, announce, api } from "./util.js";
import { refreshTimes } from "./time.js";

const CHANNEL = "portico-live";

export function startLive(onTicket) {
  const root = document.documentElement;
  if (!root.dataset.person || !("BroadcastChannel" in window)) return;
  const channel = new BroadcastChannel(`${CHANNEL}-${root.dataset.portal}`);
  const deal = (note) => { if (note.kind === "notification") bell(note.data.unread_count); else onTicket(note); };
  channel.onmessage = ({ data }) => deal(data);
  const read = () => new Promise((resolve) => {
    let source;
    const start = () => {
      source = new EventSource(`${api()}/live`);
      for (const kind of ["ticket", "notification", "resync"]) {
        source.addEventListener(kind, (event) => {
          const note = { kind, data: JSON.parse(event.data || "{}") };
          channel.postMessage(note);
          deal(note);
        });
      }
      source.onerror = () => { if (source.readyState === EventSource.CLOSED) { source.close(); setTimeout(start, 3000 + Math.random() * 4000); } };
    };
    start();
    addEventListener("pagehide", () => { source.close(); resolve(); }, { once: true });
  });
  if (navigator.locks) navigator.locks.request(`${CHANNEL}-${root.dataset.portal}`, read).catch(() => {});
  else read();
  // A page that comes back from the cache has lost its stream and may be behind.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

function bell(count) {
  for (const badge of $$("[data-bell]")) badge.textContent = count > 0 ? String(Math.min(count, 99)) : "";
  for (const link of $$("[data-bell-label]")) link.setAttribute("aria-label", count > 0 ? `Notifications, ${count} unread` : "Notifications");
  document.title = document.title.replace(/^\(\d+\) /, "");
  if (count > 0) { document.title = `(${count}) ${document.title}`; }
}

/** Fetches the page again and takes over the named parts, without moving what the reader looks at. */
export async function refreshParts(selectors) {
  const answer = await fetch(location.href, { headers: { "HX-Request": "true", "HX-Request-Type": "full", Purpose: "live" } }).catch(() => null);
  if (!answer?.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = [];
  for (const selector of selectors) {
    const now = $(selector);
    const next = $(selector, page);
    if (!now || !next) continue;
    if (now.matches("[data-append]")) {
      const known = new Set([...now.children].map((child) => child.id));
      for (const child of [...next.children]) {
        if (!child.id || known.has(child.id)) continue;
        const copy = document.importNode(child, true);
        copy.classList.add("new-tint");
        now.append(copy);
        fresh.push(copy);
      }
      for (const child of [...next.children]) { const mine = child.id && document.getElementById(child.id); if (mine && !mine.isEqualNode(child) && !fresh.includes(mine)) mine.replaceWith(document.importNode(child, true)); }
    } else if (!now.isEqualNode(next)) {
      now.replaceWith(document.importNode(next, true));
    }
  }
  refreshTimes();
  return fresh;
}

// A refresh that fails, as on a line that was cut, is tried again after these times, in ms; the stream may know of nothing more to tell.
const AGAIN = [1000, 2000, 4000, 8000, 16000];

/** Keeps a conversation current: appends when its end is in view, else offers a bar. */
export function liveThread(number, selectors) {
  let tries = 0;
  let waiting;
  const refresh = async () => {
    clearTimeout(waiting);
    const thread = $("[data-append]");
    const atEnd = thread && thread.getBoundingClientRect().bottom < innerHeight + 200;
    const top = scrollY;
    const fresh = await refreshParts(selectors);
    if (!fresh && tries < AGAIN.length) { waiting = setTimeout(refresh, AGAIN[tries]); tries += 1; return; }
    tries = 0;
    if (!fresh?.length) return;
    scrollTo({ top, behavior: "instant" });
    const words = fresh.length === 1 ? "1 new reply" : `${fresh.length} new replies`;
    announce(words);
    if (!atEnd) bar(words, fresh[0]);
  };
  return async (note) => { if (note.kind !== "ticket" || note.data.number === number) await refresh(); };
}

function bar(words, target) {
  $(".live-bar")?.remove();
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn primary live-bar";
  button.textContent = words;
  button.onclick = () => { target.scrollIntoView({ block: "center" }); button.remove(); };
  $("[data-append]").after(button);
}
