// <time data-relative>: "2 hours ago", kept current; the exact time is in `title` and in the text for print.
import { $$ } from "./util.js";

const steps = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [604800, "day", 86400]];

function words(date, format) {
  const seconds = (date - Date.now()) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 45) return format.format(0, "second");
  for (const [limit, unit, divisor] of steps) if (distance < limit) return format.format(Math.round(seconds / divisor), unit);
  return null;
}

export function refreshTimes(root = document) {
  const lang = document.documentElement.lang || "en";
  const format = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
  for (const element of $$("time[data-relative]", root)) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    if (!element.title) element.title = date.toLocaleString(lang, { dateStyle: "full", timeStyle: "short" });
    const text = words(date, format);
    if (text && element.textContent !== text) element.textContent = text;
  }
}

export function startTimes() {
  refreshTimes();
  setInterval(refreshTimes, 30_000);
}
