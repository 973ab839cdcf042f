/**
 * The details of one job.
 *
 * @import { TreeNode } from "./forest.js"
 * @import { Details, Row } from "./protocol.js"
 * @import { View } from "./view.js"
 */
import { button } from "./buttons.js";
import { describe } from "./description.js";
import { box, mark } from "./elements.js";
import { Heading } from "./heading.js";
import { sections } from "./sections.js";
import { many, moment } from "./wording.js";

/** Further than anything can be scrolled. */
const END = 1e9;

/** All about one job, below the tree. */
export class DetailsPane {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.heading = new Heading(4, [button("close", "Close details", false, false)]);
    this.facts = box("facts");
    this.body = box("body");
    this.element = box("details", { role: "region", "aria-label": "Details", hidden: "" }, [
      this.heading.element,
      this.facts,
      this.body,
    ]);
    /** @type {Details | null | undefined} */
    this.shown = undefined;
    this.told = "";
  }

  /** @param {TreeNode | undefined} node */
  draw(node) {
    this.element.hidden = !node;
    if (!node) return;
    const row = node.row;
    const feed = this.view.feed;
    this.heading.draw(feed, row);
    mark(this.element, "aria-label", `Details of ${row.title}`);
    this.tell(row, feed.now());
    this.fill(row.id, feed.about?.id === row.id ? feed.about : null);
  }

  /** @param {Row} row
   * @param {number} now */
  tell(row, now) {
    const facts = factsOf(row, now);
    const key = JSON.stringify(facts);
    if (key === this.told) return;
    this.told = key;
    this.facts.replaceChildren(
      ...facts.map(([name, said]) =>
        box("fact", {}, [box("name", {}, [name]), box("said", {}, [said])]),
      ),
    );
  }

  /** @param {string} id
   * @param {Details | null} about */
  fill(id, about) {
    if (about === this.shown && this.body.dataset.id === id) return;
    this.shown = about;
    this.body.dataset.id = id;
    const live = this.view.feed.state === "live";
    const places = new Map(
      [...this.body.children].map((part) => [
        part.getAttribute("data-part"),
        place(part.lastElementChild),
      ]),
    );
    const empty = box("hint", {}, [
      live ? "Asking for more…" : "There is more to see while a kernel is connected.",
    ]);
    this.body.replaceChildren(...(about ? sections(about, this.view.feed.now()) : [empty]));
    for (const part of this.body.children) {
      const name = part.getAttribute("data-part");
      if (part.lastElementChild)
        part.lastElementChild.scrollTop = places.get(name) ?? (name === "Log" ? END : 0);
    }
  }
}

/** Where something is scrolled to; a log that is at its end follows that.
 * @param {Element | null} element */
function place(element) {
  if (!element) return 0;
  const { scrollTop, scrollHeight, clientHeight } = element;
  const isAtEnd = element.matches(".pj-log") && scrollTop + clientHeight >= scrollHeight - 4;
  return isAtEnd ? END : scrollTop;
}

/** @param {Row} row
 * @param {number} now
 * @returns {[string, string][]} */
function factsOf(row, now) {
  const said = describe(row, now);
  const when = (/** @type {number | undefined} */ at) =>
    at === undefined ? "" : moment(at, now, true);
  /** @type {[string, string][]} */
  const facts = [
    ["Function", row.function ?? ""],
    ["Pool", row.pool ?? ""],
    ["Worker", row.worker ?? ""],
    ["Queue", row.queue ?? ""],
    ["Submitted", when(row.created)],
    ["Started", when(row.started)],
    ["Ended", when(row.ended)],
    ["Elapsed", said.elapsed],
    ["Left", said.left],
    ["Attempt", row.attempt ? String(row.attempt) : ""],
    ["Tokens", row.tokens ? many(row.tokens) : ""],
    ["Cost", said.cost],
    ["Kind", row.type?.replace("_", " ") ?? ""],
    ["Result of job", row.source ?? ""],
    ["Id", row.id],
  ];
  return facts.filter(([, text]) => text !== "");
}
