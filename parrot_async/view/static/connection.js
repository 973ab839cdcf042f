/**
 * The connection to the kernel: what is said to it, when it was last heard, and its clock.
 *
 * @import { Snapshot, ToBrowser, FromBrowser } from "./protocol.js"
 * @typedef {Snapshot & {read?: true}} Shown
 * @typedef {(name: "msg:custom", then: (message: ToBrowser) => void) => void} OnMessage
 * @typedef {(name: "change:snapshot", then: () => void) => void} OnSnapshot
 * @typedef {{get(name: "snapshot"): Shown | undefined, set(name: "snapshot", value: Shown): void,
 *   send(content: FromBrowser): void,
 *   on: OnMessage & OnSnapshot, off: OnMessage & OnSnapshot}} Model
 */

const SILENCE = 12_000;
const FIRST_WORD = 6_000;

/** One model's connection, as anywidget or another page gives it. */
export class Connection {
  /** @param {Model} model
   * @param {() => void} failed called where the kernel cannot be reached */
  constructor(model, failed) {
    this.model = model;
    this.failed = failed;
    /** @type {string | null} */
    this.lost = null;
    this.began = Date.now();
    this.heard = 0;
    this.last = 0;
    this.offset = -Infinity;
  }

  hear() {
    this.heard = Date.now();
  }

  /** Whether nothing was heard for longer than the kernel is ever silent. */
  get quiet() {
    return Date.now() - Math.max(this.heard, this.began) > FIRST_WORD;
  }

  /** "saved": no kernel was ever heard; "silent": not for a while; "lost": it has lost the jobs.
   * @param {boolean} over whether there is nothing more to hear */
  state(over) {
    const now = Date.now();
    if (!this.heard) return now - this.began < FIRST_WORD ? "new" : "saved";
    if (!over && now - this.heard > SILENCE) return "silent";
    return this.lost === null ? "live" : "lost";
  }

  /** Now, by the service's clock. */
  now() {
    return Date.now() / 1000 + this.offset;
  }

  /** The least delayed message tells best how the clocks differ.
   * @param {number} at when a message was sent, by the service's clock
   * @param {boolean} [anew] believe it, whatever the clock was before */
  clock(at, anew = false) {
    this.last = at;
    this.offset = Math.max(anew ? -Infinity : this.offset, at - Date.now() / 1000);
  }

  /** A comm that was closed throws: then what is shown is the last known state.
   * @param {FromBrowser} content */
  send(content) {
    try {
      this.model.send(content);
    } catch (error) {
      const why = error instanceof Error ? error.message : error;
      this.lost = `the kernel cannot be reached (${why})`;
      this.failed();
    }
  }
}
