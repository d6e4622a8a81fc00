// The jobs as far as they are known. What is older than that is dropped: the `version` of a job grows with each change.

import { expand, link, read } from "./api.js";

const ENDED = new Set(["Succeeded", "Failed", "Cancelled"]);
const NOT_FOUND = 404;
const CALLS_AT_ONCE = 4;
const IDLE = 5; // seconds between two looks while nothing is under way

export function hasEnded(job) {
  return ENDED.has(job.status);
}

export class Jobs {
  #collection;
  #template;
  #changed;
  #gone;
  #known = new Map(); // by id: the job, whether its links and result are those of its status, and when to come back
  #reading = new Map(); // by id: whether it has to be read once more
  #next;

  /**
   * @param start What has the links `jobs` and `job`.
   * @param changed Is told of a job that has changed, and what it was before.
   * @param gone Is told the id of a job that is no more.
   */
  constructor(start, { changed, gone }) {
    this.#collection = link(start, "jobs");
    this.#template = link(start, "job");
    this.#changed = changed;
    this.#gone = gone;
  }

  /** Whether there are older jobs than those known. */
  get hasOlder() {
    return Boolean(this.#next);
  }

  /** Take a job as its own link shows it. */
  take(job, retryAfter) {
    const known = this.#known.get(job.id);
    if (known && job.version < known.job.version) return;
    this.#know(job, { whole: true, retryAfter });
  }

  /** Take what an event tells of a job: neither its links nor its result. */
  hear({ id, type, status, attempt, version, progress, error, time }) {
    const known = this.#known.get(id);
    if (!known) {
      this.follow(id);
      return;
    }
    if (version <= known.job.version) return; // told before, or overtaken
    const told = { id, type, status, attempt, version, progress, error, updatedAt: time };
    if (status === known.job.status) {
      this.#know({ ...known.job, ...told }, known);
    } else {
      this.#know({ ...known.job, ...told, links: [] }, {});
      this.follow(id);
    }
  }

  /** Read a job at its link. */
  async follow(id, href = expand(this.#template, { id })) {
    if (this.#reading.has(id)) {
      this.#reading.set(id, true);
      return;
    }
    do {
      this.#reading.set(id, false);
      await this.#read(id, href);
    } while (this.#reading.get(id));
    this.#reading.delete(id);
  }

  /** Read the newest jobs, and whatever of them has changed; give the seconds after which to do so again. */
  async refresh() {
    const { content } = await read(this.#collection);
    if (this.#next === undefined) this.#next = link(content, "next") ?? null;
    const listed = new Set(content.jobs.map(({ id }) => id));
    const unlisted = this.#underWay().filter(({ job }) => !listed.has(job.id));
    await this.#follow([...this.#news(content.jobs), ...unlisted.map(({ job }) => job)]);
    const waits = this.#underWay().map(({ retryAfter }) => retryAfter ?? 1);
    return waits.length ? Math.max(...waits) : IDLE;
  }

  /** Read the next page of older jobs. */
  async older() {
    const { content } = await read(this.#next);
    this.#next = link(content, "next") ?? null;
    await this.#follow(this.#news(content.jobs));
  }

  #underWay() {
    return [...this.#known.values()].filter(({ job }) => !hasEnded(job));
  }

  /** Take what a list tells of jobs; give those of which there is more to know. */
  #news(listed) {
    return listed.filter((job) => {
      const known = this.#known.get(job.id);
      if (known?.whole && job.version <= known.job.version) return false;
      if (!known || job.version > known.job.version) this.#know({ ...known?.job, ...job }, {});
      return true;
    });
  }

  async #follow(jobs) {
    const left = [...jobs];
    const readers = Array.from({ length: CALLS_AT_ONCE }, async () => {
      for (let job = left.shift(); job; job = left.shift()) await this.follow(job.id, link(job, "self"));
    });
    await Promise.all(readers);
  }

  async #read(id, href) {
    let answer;
    try {
      answer = await read(href);
    } catch (problem) {
      if (problem.status === NOT_FOUND) {
        this.#known.delete(id);
        this.#gone(id);
      }
      return; // of another problem, the next event or look brings it again
    }
    this.take(answer.content, answer.retryAfter);
  }

  #know(job, { whole = false, retryAfter }) {
    const before = this.#known.get(job.id)?.job;
    this.#known.set(job.id, { job, whole, retryAfter });
    this.#changed(job, before);
  }
}
