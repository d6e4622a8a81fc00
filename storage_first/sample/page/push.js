// The WebSocket over which the API tells of jobs. Its messages are in docs/job-notifications.md.

import { backoff } from "./api.js";

const ANSWER_WITHIN = 10_000;
const SUBSCRIBE_AGAIN = 4 * 60_000; // API Gateway ends a connection that is idle for ten minutes
const SUBSCRIBE = JSON.stringify({ action: "subscribe" });

/** Stays connected, and subscribed to all jobs; connects again whenever that ends. */
export class Push {
  #address;
  #listener;
  #failures = 0;
  #waiting;

  /**
   * @param address Of the WebSocket.
   * @param listener Has `subscribed()`: whatever changes from now on is told; `told(detail)`, an event; and `lost()`.
   */
  constructor(address, listener) {
    this.#address = address;
    this.#listener = listener;
    window.addEventListener("online", () => this.#waiting && this.connect());
  }

  connect() {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    const socket = new WebSocket(this.#address);
    const end = () => {
      clearTimeout(timer);
      // A connection that is broken may take minutes to notice: nobody waits for that.
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
      this.#failures += 1;
      this.#waiting = setTimeout(() => this.connect(), backoff(this.#failures) * 1000);
      this.#listener.lost();
    };
    const subscribe = () => {
      socket.send(SUBSCRIBE);
      clearTimeout(timer);
      timer = setTimeout(end, ANSWER_WITHIN);
    };
    let timer = setTimeout(end, ANSWER_WITHIN);
    socket.onopen = subscribe;
    socket.onclose = end;
    socket.onmessage = ({ data }) => {
      const { "detail-type": kind, detail } = JSON.parse(data);
      if (kind === "Subscribed") {
        this.#failures = 0;
        clearTimeout(timer);
        timer = setTimeout(subscribe, SUBSCRIBE_AGAIN);
        this.#listener.subscribed();
      } else if (kind === "Job Status Changed" || kind === "Job Progressed") {
        this.#listener.told(detail);
      } else {
        end(); // refused: the connection is not known any more, or not as it was
      }
    };
  }
}
