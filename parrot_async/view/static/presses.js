/**
 * The presses of buttons that the kernel has not answered yet.
 *
 * @import { Connection } from "./connection.js"
 * @import { Action, Row } from "./protocol.js"
 * @typedef {{id: string, action: Action, title: string}} Press
 * @typedef {{press: Press, timer: ReturnType<typeof setTimeout>}} Pending
 */

const ANSWER = 10_000;

/** What was asked for in one page, by the number that its answer has. */
export class Presses {
  /** @param {Connection} connection
   * @param {(press: Press) => void} late called where an answer takes long */
  constructor(connection, late) {
    this.connection = connection;
    this.late = late;
    /** @type {Map<number, Pending>} */
    this.pending = new Map();
    this.number = Math.floor(Math.random() * 2 ** 30); // two pages may share a kernel
  }

  /** Ask for an action. A kernel whose cell blocks hears of it in the end, so it stays pending.
   * @param {Action} action
   * @param {Row} row */
  add(action, row) {
    this.number += 1;
    const press = { id: row.id, action, title: row.title };
    const timer = setTimeout(() => this.late(press), ANSWER);
    this.pending.set(this.number, { press, timer });
    this.connection.send({ t: "act", n: this.number, action, ids: [row.id] });
  }

  /** The press that an answer is about; not one of another page.
   * @param {number} n */
  take(n) {
    const pending = this.pending.get(n);
    if (!pending) return undefined;
    clearTimeout(pending.timer);
    this.pending.delete(n);
    return pending.press;
  }

  /** The action on a job that was asked for and not yet answered.
   * @param {string} id */
  of(id) {
    for (const { press } of this.pending.values()) if (press.id === id) return press.action;
    return undefined;
  }

  /** What was asked of a kernel that is gone is not pending any more. */
  forget() {
    for (const { timer } of this.pending.values()) clearTimeout(timer);
    this.pending.clear();
  }
}
