/**
 * The line that names a job above all that is said of it.
 *
 * @import { Feed } from "./feed.js"
 * @import { Row } from "./protocol.js"
 */
import { buttons } from "./buttons.js";
import { box, put } from "./elements.js";
import { icon } from "./icons.js";
import { inFull } from "./status.js";

/** What a job is, how it is, and what can be done with it. */
export class Heading {
  /** @param {number} level
   * @param {HTMLElement[]} after */
  constructor(level, after = []) {
    this.sign = box("sign");
    this.title = box("heading", { role: "heading", "aria-level": String(level) });
    this.status = box("word");
    this.buttons = box("buttons");
    this.element = box("top", {}, [this.sign, this.title, this.status, this.buttons, ...after]);
  }

  /** @param {Feed} feed
   * @param {Row} row */
  draw(feed, row) {
    if (this.sign.dataset.status !== row.status) this.sign.replaceChildren(icon(row.status));
    this.sign.dataset.status = row.status;
    put(this.title, row.title);
    put(this.status, inFull(row));
    buttons(this.buttons, feed, row, true, false);
  }
}
