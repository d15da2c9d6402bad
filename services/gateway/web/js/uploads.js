// <upload-field>: files go up while the form is being written, each with its progress, cancel and retry. The form then carries their upload
// tickets (name="upload"); without scripts the plain file input inside is sent with the form.
import { $, announce, api, csrf, make, size } from "./util.js";

class UploadField extends HTMLElement {
  connectedCallback() {
    if (this.ready) return;
    this.ready = true;
    this.input = $("input[type=file]", this);
    this.list = this.querySelector(".upload-list") ?? this.appendChild(make("ul", { class: "upload-list" }));
    this.limit = Number(this.dataset.limit);
    this.input.removeAttribute("name");
    this.input.addEventListener("change", () => { this.add(this.input.files); this.input.value = ""; });
    const zone = this.closest("form") ?? this;
    const drop = this.querySelector(".drop") ?? this.closest(".composer") ?? this;
    for (const name of ["dragover", "dragenter"]) zone.addEventListener(name, (event) => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); drop.classList.add("over"); } });
    for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => drop.classList.remove("over"));
    zone.addEventListener("drop", (event) => { if (event.dataTransfer?.files.length) { event.preventDefault(); this.add(event.dataTransfer.files); } });
    zone.addEventListener("paste", (event) => { const files = event.clipboardData?.files; if (files?.length) { event.preventDefault(); this.add(files); } });
    zone.addEventListener("submit", (event) => {
      if (this.pending > 0) { event.preventDefault(); event.stopImmediatePropagation(); announce("Files are still being uploaded."); this.waiting = event.submitter ?? true; }
    }, true);
  }

  get pending() { return this.list.querySelectorAll("[data-pending]").length; }

  add(files) { for (const file of files) this.row(file); }

  row(file) {
    const status = make("span", { class: "muted num" }, size(file.size));
    const progress = make("progress", { max: "100", value: "0", "aria-label": `Upload of ${file.name}` });
    const remove = make("button", { type: "button", class: "btn quiet small", "aria-label": `Remove ${file.name}` }, "Remove");
    const row = make("li", {}, make("span", { class: "name" }, file.name), status, remove, progress);
    const state = { file, row, status, progress, remove };
    remove.addEventListener("click", () => { state.request?.abort(); row.remove(); announce(`${file.name} removed`); this.input.focus(); this.settle(); });
    this.list.append(row);
    if (file.size > this.limit) {
      this.fail(state, `The selected file must be smaller than ${this.dataset.words ?? size(this.limit)}`, false);
      return;
    }
    this.send(state);
  }

  send(state) {
    const { file, row, status, progress } = state;
    row.dataset.pending = "1";
    progress.hidden = false;
    const request = new XMLHttpRequest();
    state.request = request;
    request.open("POST", `${api()}/uploads?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("X-CSRF-Token", csrf());
    const captcha = document.querySelector('input[name="captcha_token"]')?.value;
    if (captcha) request.setRequestHeader("X-Portico-Captcha", captcha);
    request.upload.onprogress = (event) => { if (event.lengthComputable) { progress.value = (event.loaded / event.total) * 100; status.textContent = `${Math.round(progress.value)} %`; } };
    request.onerror = () => this.fail(state, "The connection was lost", true);
    request.onload = () => {
      if (request.status !== 201) {
        let reason = "This file could not be uploaded";
        try { reason = JSON.parse(request.responseText).detail ?? reason; } catch { /* not JSON: keep the general words */ }
        this.fail(state, reason, request.status >= 500 || request.status === 429);
        return;
      }
      const answer = JSON.parse(request.responseText);
      delete row.dataset.pending;
      row.append(make("input", { type: "hidden", name: "upload", value: answer.upload_id }));
      status.textContent = size(file.size);
      progress.hidden = true;
      announce(`${file.name}, ${size(file.size)}, uploaded`);
      this.settle();
    };
    request.send(file);
  }

  fail(state, reason, retry) {
    const { row, status, progress, file } = state;
    delete row.dataset.pending;
    progress.hidden = true;
    status.textContent = reason;
    status.className = "bad";
    announce(`${file.name}: ${reason}`);
    if (retry) {
      const again = make("button", { type: "button", class: "btn small", "aria-label": `Try ${file.name} again` }, "Try again");
      again.addEventListener("click", () => { again.remove(); status.className = "muted num"; this.send(state); });
      row.insertBefore(again, state.remove);
    }
    this.settle();
  }

  settle() {
    if (this.pending || !this.waiting) return;
    const submitter = this.waiting;
    this.waiting = null;
    if (!this.list.querySelector(".bad")) this.closest("form")?.requestSubmit(submitter === true ? undefined : submitter);
  }
}

customElements.define("upload-field", UploadField);
