// Small helpers that every part uses.
export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
export const csrf = () => $('meta[name="csrf-token"]')?.content ?? "";
export const base = () => document.documentElement.dataset.base ?? "";
export const api = () => document.documentElement.dataset.api ?? "";

/** Says something to screen readers, politely. */
export function announce(text) {
  const region = $("#announcer");
  if (!region) return;
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 50);
}

/** An element with attributes and children, without ever parsing HTML. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

/** A size in words, as the server writes it: a KB is 1,024 bytes. */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${Math.floor(bytes / 1024)} KB`;
  return `${(Math.floor(bytes / 1024 / 1024 * 10) / 10).toFixed(1).replace(/\.0$/, "")} MB`;
}

export function debounce(wait, work) {
  let timer;
  return (...args) => { clearTimeout(timer); timer = setTimeout(() => work(...args), wait); };
}
