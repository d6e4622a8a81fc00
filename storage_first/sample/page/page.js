// Gopher Holes: what is sent becomes a job, and a list tells what becomes of it.

import { link, pause, read, send } from "./api.js";
import { Card } from "./card.js";
import { serve } from "./form.js";
import { hasEnded, Jobs } from "./jobs.js";
import { Push } from "./push.js";

const TRY_AGAIN = 5; // seconds
const STATES = {
  connecting: "Connecting…",
  live: "Live: changes arrive as they happen.",
  polling: "Not connected: asking every few seconds, and trying to connect again.",
};
const LIVE_AGAIN = "Connected again: changes arrive as they happen.";

const list = document.querySelector("#jobs");
const older = document.querySelector("#older");
const connection = document.querySelector("#connection");
const announcements = document.querySelector("#announcements");

const start = await read(document.querySelector("link[rel=index]").href).then(
  ({ content }) => content,
  (problem) => {
    tell("failing", problem.message);
    throw problem;
  },
);
const jobs = new Jobs(start, { changed, gone });
const cards = new Map(); // by id of the job
const own = new Map(); // by id: what was asked for here, in a few words
let state = "connecting";
let wake = () => {};
let unannounced = [];

for (const form of document.forms) serve(form, start, { asked: (id, what) => own.set(id, what), accepted });
older.addEventListener("click", showOlder);
new Push(link(start, "push"), { subscribed, told: (detail) => jobs.hear(detail), lost }).connect();
watch();

/** Look at all jobs: once for each time that the API begins to push changes, and every now and then while it does not. */
async function watch() {
  for (;;) {
    const woken = new Promise((resume) => (wake = resume));
    const seconds = await refresh();
    await Promise.race(seconds ? [woken, pause(seconds)] : [woken]);
  }
}

/** Give the seconds after which to look again; none while changes are pushed. */
async function refresh() {
  try {
    const seconds = await jobs.refresh();
    older.hidden = !jobs.hasOlder;
    if (connection.dataset.state === "failing") tell(state, STATES[state]);
    return state === "polling" ? seconds : undefined;
  } catch (problem) {
    tell("failing", problem.message);
    return problem.retryAfter ?? TRY_AGAIN;
  }
}

function subscribed() {
  if (state !== "live") tell("live", state === "polling" ? LIVE_AGAIN : STATES.live);
  state = "live";
  wake();
}

function lost() {
  if (state === "polling") return;
  state = "polling";
  tell(state, STATES.polling);
  wake();
}

function accepted({ id, links }) {
  announce(`${own.get(id)} is stored.`);
  jobs.follow(id, link({ links }, "job"));
}

function changed(job, before) {
  if (cards.has(job.id)) cards.get(job.id).show(job);
  else add(job);
  if (own.has(job.id) && hasEnded(job) && job.status !== before?.status) {
    announce(`${cards.get(job.id).title}: ${job.status}.`);
  }
}

function gone(id) {
  cards.get(id)?.element.remove();
  cards.delete(id);
}

/** Add a job where it belongs, newest first. Cards never move: that would take the focus from them. */
function add(job) {
  const card = new Card(job, { about: own.get(job.id), act });
  const next = [...list.children].find(({ dataset }) => dataset.createdAt < job.createdAt);
  list.insertBefore(card.element, next ?? null);
  cards.set(job.id, card);
  document.querySelector("#empty").hidden = true;
}

async function act(job, rel) {
  if (!own.has(job.id)) own.set(job.id, "");
  if (rel === "cancel") {
    jobs.take((await send("DELETE", link(job, rel))).content);
  } else {
    const { content } = await send("POST", link(job, rel));
    await jobs.follow(job.id, link(content, "job"));
  }
}

async function showOlder() {
  const last = list.lastElementChild;
  const problem = document.querySelector("#older + .problem");
  problem.textContent = "";
  try {
    await jobs.older();
  } catch ({ message }) {
    problem.textContent = message;
  }
  older.hidden = !jobs.hasOlder;
  if (older.hidden) last.nextElementSibling?.querySelector("h3").focus();
}

/** Tell of the connection. */
function tell(condition, text) {
  connection.dataset.state = condition;
  if (connection.textContent !== text) connection.textContent = text;
}

/** Tell those who do not see the page: what comes within a second together, and not at length. */
function announce(text) {
  if (unannounced.push(text) > 1) return;
  setTimeout(() => {
    const [first, ...others] = unannounced.splice(0);
    announcements.textContent = others.length > 2 ? `${first} And ${others.length} more.` : [first, ...others].join(" ");
  }, 1000);
}
