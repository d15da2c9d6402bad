// <proof-of-work>: replaces the picture by a sum that the browser does in a worker while the form is being filled in.
import { $, announce } from "./util.js";

class ProofOfWork extends HTMLElement {
  connectedCallback() {
    const picture = $("[data-picture]", this);
    const state = $("[data-state]", this);
    const number = $('input[name="captcha_number"]', this);
    if (!state || !number || !("Worker" in window)) return;
    picture.hidden = true;
    for (const field of picture.querySelectorAll("input")) field.disabled = true;
    state.hidden = false;
    const worker = new Worker(POW_WORKER);
    const form = this.closest("form");
    let waiting = null;
    const hold = (event) => {
      if (number.value) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      waiting = event.submitter ?? true;
      announce("One moment: the check that you are human is being done.");
    };
    form.addEventListener("submit", hold, true);
    worker.onmessage = ({ data }) => {
      number.value = data.number;
      worker.terminate();
      $("[data-working]", state).hidden = true;
      $("[data-done]", state).hidden = false;
      if (waiting) form.requestSubmit(waiting === true ? undefined : waiting);
    };
    worker.onerror = () => {
      picture.hidden = false;
      state.hidden = true;
      for (const field of picture.querySelectorAll("input")) field.disabled = false;
      form.removeEventListener("submit", hold, true);
    };
    worker.postMessage({ salt: this.dataset.salt, difficulty: Number(this.dataset.difficulty) });
  }
}

customElements.define("proof-of-work", ProofOfWork);
