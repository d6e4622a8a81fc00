// Calls the API as its contract has it: links are followed, problems (RFC 9457) shown, and Retry-After heeded.

const TIMEOUT = 35_000; // API Gateway answers within 29 s
const TRIES = 5;
const TOO_MANY_REQUESTS = 429;
const SERVER_ERROR = 500;

/** Why there is no answer: what the API says, or that it could not be reached. */
export class Problem extends Error {
  constructor({ title, detail, status = 0, retryAfter }) {
    super(`${title}: ${detail}`);
    Object.assign(this, { title, detail, status, retryAfter });
  }

  /** Whether the same request can succeed later. */
  get passes() {
    return this.status === 0 || this.status === TOO_MANY_REQUESTS || this.status >= SERVER_ERROR;
  }
}

/** Send one request; give the body of its answer, and after how many seconds to come back where it says so. */
export async function send(method, href, { body, key } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key !== undefined) headers["Idempotency-Key"] = key;
  let answer;
  let content;
  try {
    answer = await fetch(href, { method, headers, body, signal: AbortSignal.timeout(TIMEOUT) });
    content = await answer.json();
  } catch {
    throw new Problem({
      title: answer ? `Status ${answer.status}` : "No answer",
      detail: "The API could not be reached. It is safe to try again.",
    });
  }
  const retryAfter = Number(answer.headers.get("Retry-After")) || undefined;
  if (answer.ok) return { content, retryAfter };
  const { title = `Status ${answer.status}`, detail = content.message } = content;
  throw new Problem({ title, detail, status: answer.status, retryAfter });
}

/** Read what is at a link, again and again where that may help. */
export async function read(href) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send("GET", href);
    } catch (problem) {
      if (!problem.passes || attempt === TRIES) throw problem;
      await pause(problem.retryAfter ?? backoff(attempt));
    }
  }
}

/** Find a link by its relation. */
export function link({ links }, rel) {
  return links.find((each) => each.rel === rel)?.href;
}

/** Fill in a template of RFC 6570, such as `/jobs/{id}`. */
export function expand(template, values) {
  return template.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));
}

/** Seconds before the next attempt: more each time, and not the same for everybody. */
export function backoff(attempt) {
  return Math.min(30, 2 ** attempt) * (0.5 + Math.random() / 2);
}

export function pause(seconds) {
  return new Promise((resume) => setTimeout(resume, seconds * 1000));
}
