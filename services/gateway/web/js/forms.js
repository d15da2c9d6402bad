// What makes forms pleasant: text areas that grow, one submit per form, Ctrl+Enter, a look at the password.
import { $, $$, make } from "./util.js";

function grow(area) {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.blockSize = "auto";
  area.style.blockSize = `${Math.min(area.scrollHeight + 2, 640)}px`;
}

function password(field) {
  if (field.parentElement.querySelector("button")) return;
  const button = make("button", { type: "button", class: "btn quiet small", "aria-pressed": "false", "aria-label": "Show password" }, "Show");
  button.addEventListener("click", () => {
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? "Show" : "Hide";
    button.setAttribute("aria-pressed", String(!shown));
  });
  field.after(button);
}

export function enhanceForms(root = document) {
  for (const area of $$("textarea.area", root)) { area.addEventListener("input", () => grow(area)); grow(area); }
  for (const field of $$(".password input[type=password]", root)) password(field);
  for (const select of $$("select[data-submit]", root)) select.addEventListener("change", () => select.form.requestSubmit());
  for (const button of $$("[data-hide-with-js]", root)) button.hidden = true;
  for (const part of $$("[data-show-with-js]", root)) part.hidden = false;
  const summary = $("#error-summary", root);
  if (summary) summary.focus({ preventScroll: false });
}

export function startForms() {
  enhanceForms();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented) return;
    if (form.dataset.sent && form.method === "post") { event.preventDefault(); return; }
    if (form.method === "post" && !form.hasAttribute("hx-post")) {
      form.dataset.sent = "1";
      event.submitter?.setAttribute("aria-busy", "true");
    }
  });
  // A page that comes back from the browser's cache may be sent again.
  addEventListener("pageshow", () => {
    for (const form of $$("form[data-sent]")) delete form.dataset.sent;
    for (const busy of $$("[aria-busy]", document)) busy.removeAttribute("aria-busy");
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.target.closest?.("form")?.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("#error-summary a");
    if (!link) return;
    const field = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!field) return;
    event.preventDefault();
    field.scrollIntoView({ block: "center" });
    field.focus({ preventScroll: true });
  });
}
