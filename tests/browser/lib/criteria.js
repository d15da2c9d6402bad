// Measurements of pages for the acceptance criteria.
import { gzipSync } from "node:zlib";
import { expect } from "@playwright/test";

export const POLICY = /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'; worker-src 'self'(; object-src 'none')?$/;

const KB = 1024;

// Everything that a page loads: gzip size by kind, as a server that compresses would send it.
export async function weigh(page, url) {
  const loaded = [];
  const note = (response) => loaded.push(response);
  page.on("response", note);
  await page.goto(url, { waitUntil: "networkidle" });
  page.off("response", note);
  const weight = { requests: 0, elsewhere: [], js: 0, css: 0, all: 0 };
  for (const response of loaded) {
    const target = response.url();
    if (target.startsWith("data:") || target.startsWith("blob:") || target.endsWith("/live")) continue;
    weight.requests += 1;
    if (new URL(target).origin !== new URL(url).origin) weight.elsewhere.push(target);
    const body = await response.body().catch(() => Buffer.alloc(0));
    const size = /\.(woff2|png|jpg)$/.test(target) ? body.length : gzipSync(body).length;
    weight.all += size;
    const kind = response.headers()["content-type"] ?? "";
    if (kind.includes("javascript")) weight.js += size;
    if (kind.includes("text/css")) weight.css += size;
  }
  return weight;
}

export function within(weight, limits, what) {
  const shown = `${what}: JS ${(weight.js / KB).toFixed(1)} KB, CSS ${(weight.css / KB).toFixed(1)} KB, all ${(weight.all / KB).toFixed(1)} KB, ${weight.requests} requests`;
  expect(weight.js, shown).toBeLessThanOrEqual(limits.js * KB);
  expect(weight.css, shown).toBeLessThanOrEqual(limits.css * KB);
  expect(weight.elsewhere, shown).toEqual([]);
  if (limits.all) expect(weight.all, shown).toBeLessThanOrEqual(limits.all * KB);
  if (limits.requests) expect(weight.requests, shown).toBeLessThanOrEqual(limits.requests);
  return shown;
}

// WCAG 1.4.12: larger spacing of text must not clip or push anything aside. A constructed sheet passes the strict policy.
export async function spaced(page) {
  await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-block-end: 2em !important }");
    document.adoptedStyleSheets = [sheet];
  });
  const found = await page.evaluate(() => {
    const clipped = [];
    for (const element of document.querySelectorAll("body *")) {
      const style = getComputedStyle(element);
      if (!/hidden|clip/.test(style.overflowY) || style.clipPath !== "none" || style.textOverflow === "ellipsis" || !element.checkVisibility()) continue;
      if (["svg", "TEXTAREA", "SELECT", "INPUT"].includes(element.tagName)) continue;
      if (element.scrollHeight > element.clientHeight + 2 && element.clientHeight > 0 && style.webkitLineClamp === "none") clipped.push(`${element.tagName}.${element.className}`);
    }
    return { clipped, over: document.documentElement.scrollWidth - document.documentElement.clientWidth };
  });
  await page.evaluate(() => { document.adoptedStyleSheets = []; });
  expect(found.clipped, `clipped by larger spacing: ${page.url()}`).toEqual([]);
  expect(found.over, `pushed aside by larger spacing: ${page.url()}`).toBeLessThanOrEqual(0);
}

// Criterion 7: Tab reaches everything once, each stop shows a focus of at least 2 px, in view and not under a bar.
export async function tabbed(page, most = 150) {
  await page.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0); });
  const stops = [];
  for (let count = 0; count < most; count += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      element.dataset.stop ??= String(Math.random());
      const ring = (node, pseudo) => {
        const style = node && getComputedStyle(node, pseudo);
        return style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      };
      const near = element.closest(".composer, .attach, label, .mode label, .rating label");
      const visible = ring(element) || ring(element, "::after") || [...(near ? [near, ...near.querySelectorAll(":scope > .btn")] : [])].some((node) => ring(node));
      const box = element.getBoundingClientRect();
      const shown = box.bottom > 0 && box.top < innerHeight && box.width > 0;
      const at = document.elementFromPoint(Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 2), Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 2));
      const covered = at && !element.contains(at) && !at.contains(element) && Boolean(at.closest(".top, .reply, .ticket-head")) && !element.closest(".top, .reply, .ticket-head");
      return { id: element.dataset.stop, what: `${element.tagName} ${element.textContent.trim().slice(0, 30) || element.name || element.getAttribute("aria-label")}`, visible: Boolean(visible), shown, covered };
    });
    if (!stop || stops.some(({ id }) => id === stop.id)) break;
    stops.push(stop);
  }
  expect(stops[0]?.what, page.url()).toContain("Skip to the content");
  expect(stops.filter(({ visible }) => !visible).map(({ what }) => what), `no visible focus: ${page.url()}`).toEqual([]);
  expect(stops.filter(({ shown }) => !shown).map(({ what }) => what), `out of view: ${page.url()}`).toEqual([]);
  expect(stops.filter(({ covered }) => covered).map(({ what }) => what), `covered by a bar: ${page.url()}`).toEqual([]);
  expect(stops.length, `trapped: ${page.url()}`).toBeLessThan(most);
  return stops.length;
}

// Criterion 15: targets of 24 px (text links in sentences are exempt), 44 px for buttons under a finger, borders of controls 3:1.
export async function targets(page, touch) {
  const small = await page.evaluate((touch) => {
    const found = [];
    for (const element of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest(".visually-hidden, .skip")) continue;
      const label = element.matches("input[type=radio], input[type=checkbox]") ? element.closest("label") : null;
      const box = (label ?? element).getBoundingClientRect();
      const inText = element.tagName === "A" && getComputedStyle(element).display === "inline";
      if (box.width === 0 || inText) continue;
      const wanted = touch && element.matches(".btn:not(.small)") ? 44 : 24;
      if (box.height < wanted - 0.5 || box.width < Math.min(wanted, 24) - 0.5) found.push(`${element.tagName} "${element.textContent.trim().slice(0, 25) || element.name}" ${Math.round(box.width)}x${Math.round(box.height)}`);
    }
    return found;
  }, touch);
  expect.soft(small, `targets too small: ${page.url()}`).toEqual([]);
}

export async function borders(page) {
  const weak = await page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = (colour, under) => {
      canvas.clearRect(0, 0, 1, 1);
      if (under) { canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1); }
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)).reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
    const ground = (element) => { for (let node = element.parentElement; node; node = node.parentElement) { const colour = getComputedStyle(node).backgroundColor; if (rgb(colour)[3] === 255) return colour; } return getComputedStyle(document.documentElement).backgroundColor; };
    const found = [];
    for (const element of document.querySelectorAll(".input, .select, .area, .btn, .composer")) {
      if (!element.checkVisibility() || element.matches(".composer *") || element.matches(".quiet")) continue;
      const style = getComputedStyle(element);
      const under = ground(element);
      const edge = element.matches(".primary") ? style.backgroundColor : style.borderTopColor;
      const [a, b] = [light(rgb(edge, under)), light(rgb(under))].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 3) found.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
    }
    return found;
  });
  expect.soft(weak, `borders under 3:1: ${page.url()}`).toEqual([]);
}

// The mean luminance (0 to 1) of what is on the screen.
export async function luminance(page, browser) {
  const image = (await page.screenshot()).toString("base64");
  const tab = await browser.newPage();
  const mean = await tab.evaluate(async (image) => {
    const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${image}`)).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    const { data } = canvas.getImageData(0, 0, picture.width, picture.height);
    let sum = 0;
    for (let at = 0; at < data.length; at += 4) sum += 0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2];
    return sum / (data.length / 4) / 255;
  }, image);
  await tab.close();
  return mean;
}

// Criterion 20: one h1, no level left out, landmarks, a title of its own.
export async function outline(page, title) {
  const found = await page.evaluate(() => {
    const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter((heading) => heading.checkVisibility()).map((heading) => Number(heading.tagName[1]));
    const jumps = levels.filter((level, at) => at > 0 && level > levels[at - 1] + 1);
    return { levels, jumps, landmarks: ["header", "main", "nav"].filter((name) => !document.querySelector(name)) };
  });
  expect(found.levels.filter((level) => level === 1).length, page.url()).toBe(1);
  expect(found.jumps, `levels left out: ${page.url()} ${found.levels}`).toEqual([]);
  expect(found.landmarks, page.url()).toEqual([]);
  expect(await page.title()).toMatch(new RegExp(`^(\\(\\d+\\) )?(Error: )?.+ - ${title}$`));
}
