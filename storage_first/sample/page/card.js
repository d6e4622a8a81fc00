// One job in the list. A card stays the same element while its job changes, so that whoever is on it stays there.

import { link } from "./api.js";

const template = document.querySelector("#card");
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export class Card {
  #parts;
  #job;

  /**
   * @param about What was asked for in a few words, if that is known.
   * @param act Follows a link of a job (`cancel`, `retry`); may throw a Problem.
   */
  constructor(job, { about, act }) {
    this.element = template.content.cloneNode(true).firstElementChild;
    this.element.dataset.createdAt = job.createdAt;
    this.title = [words(job.type), about].filter(Boolean).join(": ");
    this.#parts = {
      title: this.element.querySelector("h3"),
      status: this.element.querySelector(".status"),
      progress: this.element.querySelector("progress"),
      message: this.element.querySelector(".message"),
      attempt: this.element.querySelector(".attempt"),
      entity: this.element.querySelector("a"),
      buttons: [...this.element.querySelectorAll("button")],
      problem: this.element.querySelector(".problem"),
      result: this.element.querySelector("pre"),
    };
    const created = this.element.querySelector("time");
    created.dateTime = job.createdAt;
    created.textContent = clock.format(new Date(job.createdAt));
    this.element.querySelector(".id").textContent = job.id;
    this.#parts.title.textContent = this.title;
    this.#parts.progress.setAttribute("aria-label", `Progress of ${this.title}`);
    for (const control of [this.#parts.entity, ...this.#parts.buttons]) {
      control.setAttribute("aria-label", `${control.textContent}: ${this.title}`);
    }
    for (const button of this.#parts.buttons) {
      button.addEventListener("click", () => this.#act(button, act));
    }
    this.show(job);
  }

  show(job) {
    this.#job = job;
    this.element.dataset.status = job.status;
    write(this.#parts.status, job.status);
    this.#parts.progress.value = job.status === "Succeeded" ? 100 : (job.progress?.percent ?? 0);
    write(this.#parts.message, story(job));
    write(this.#parts.attempt, job.attempt > 1 ? `attempt ${job.attempt}` : "");
    write(this.#parts.result, job.result == null ? "None" : JSON.stringify(job.result, null, 2));
    this.#offer();
  }

  /** Show what the links of the job let one do. */
  #offer() {
    const { title, entity, buttons } = this.#parts;
    const focused = document.activeElement;
    for (const button of buttons) button.hidden = !link(this.#job, button.dataset.rel);
    const href = link(this.#job, "entity");
    entity.hidden = !href;
    if (href) entity.href = href;
    // A focus on what is hidden is lost, and the next Tab would begin at the top of the page.
    if (focused.hidden && this.element.contains(focused)) title.focus({ preventScroll: true });
  }

  async #act(button, act) {
    if (button.ariaDisabled) return;
    button.ariaDisabled = "true"; // and not `disabled`, which would take the focus from it
    write(this.#parts.problem, "");
    try {
      await act(this.#job, button.dataset.rel);
    } catch (problem) {
      write(this.#parts.problem, problem.message);
    } finally {
      button.ariaDisabled = null;
    }
  }
}

/** Write text, and never markup; only what differs, because the rest may be read to somebody. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Say in a line how far a job is, or how it ended. */
function story({ status, progress, error, startedAt, finishedAt }) {
  switch (status) {
    case "Failed":
      return error ? `${error.code}: ${error.message}` : "";
    case "Succeeded":
      return finishedAt ? `Done in ${((new Date(finishedAt) - new Date(startedAt)) / 1000).toFixed(1)} s` : "Done";
    case "In Progress":
      return progress?.message ?? "Started";
    case "Pending":
      return "Stored, and about to be started";
    default:
      return "Nothing more will be done";
  }
}

/** Make words of a type: `add-gopher` is "Add gopher". */
function words(type) {
  const text = type.replaceAll(/[-_.]+/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
