/**
 * The summary of a tree.
 *
 * @import { Description } from "./description.js"
 * @import { TreeNode } from "./forest.js"
 * @import { Counts, Row, Status } from "./protocol.js"
 * @import { View } from "./view.js"
 */
import { describe, toGo } from "./description.js";
import { box, mark, put } from "./elements.js";
import { Heading } from "./heading.js";
import { icon } from "./icons.js";
import { inFull, ORDER, TABS, UNDER_WAY, WORDS } from "./status.js";
import { many, percent } from "./wording.js";

/** One glance at a whole tree: what it is, how far, what went wrong, what it costs. */
export class Summary {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.heading = new Heading(3);
    this.portions = [...ORDER.slice(0, 3), "done", ...ORDER.slice(3)].map((name) =>
      box("portion", { "data-status": name }),
    );
    this.bar = box(
      "whole",
      {
        role: "progressbar",
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "aria-label": "Overall progress",
      },
      this.portions,
    );
    this.numbers = ORDER.map(count);
    this.counts = box("counts", {}, this.numbers);
    this.figures = box("figures");
    this.element = box("summary", {}, [
      this.heading.element,
      this.bar,
      box("under", {}, [this.counts, this.figures]),
    ]);
  }

  draw() {
    const root = this.view.feed.forest.roots[0];
    if (!root) return;
    this.heading.draw(this.view.feed, root.row);
    this.tell(root.row, describe(root.row, this.view.feed.now()));
    this.divide(root);
  }

  /** @param {Row} row
   * @param {Description} said */
  tell(row, said) {
    const words = [
      UNDER_WAY.has(row.status) && percent(row.progress),
      said.elapsed && `${said.elapsed} elapsed`,
      toGo(said.left),
      said.tokens && `${said.tokens} tokens`,
      said.cost,
    ];
    const text = words.filter(Boolean).join(" · ");
    put(this.figures, text);
    mark(this.bar, "aria-valuenow", String(Math.floor(row.progress ?? 0)));
    mark(this.bar, "aria-valuetext", `${inFull(row)}, ${text}`);
  }

  /** The bar and the counts, by the states of the leaves; as long as some are still to come, the
   * bar by the root alone.
   * @param {TreeNode} root */
  divide(root) {
    const { forest, snapshot } = this.view.feed;
    const tally = snapshot.more ? { [root.row.status]: 1 } : forest.tally;
    const share = shares(root.row, tally);
    for (const portion of this.portions)
      portion.style.flexGrow = String(share[portion.dataset.status ?? ""] ?? 0);
    this.counts.hidden = root.children.length === 0 || Boolean(snapshot.more);
    for (const number of this.numbers) {
      const status = /** @type {Status} */ (number.dataset.status);
      number.hidden = !tally[status];
      put(
        /** @type {Element} */ (number.lastChild),
        `${many(tally[status] ?? 0)} ${WORDS[status].toLowerCase()}`,
      );
    }
  }
}

/** How the summary's bar is divided: the leaves by their states; of those under way, what they have
 * done is a part of its own, so that the bar is as far as the tree.
 * @param {Row} row
 * @param {Counts} tally
 * @returns {Record<string, number>} */
export function shares(row, tally) {
  const sum = (/** @type {Status[]} */ states) =>
    states.reduce((all, status) => all + (tally[status] ?? 0), 0);
  const done = Math.max(0, ((row.progress ?? 0) / 100) * sum(ORDER) - sum(TABS.Finished));
  /** @type {Record<string, number>} */
  const parts = { ...tally, done: 0 };
  for (const status of TABS.Active) {
    const taken = Math.min(done - parts.done, parts[status] ?? 0);
    parts[status] = (parts[status] ?? 0) - taken;
    parts.done += taken;
  }
  return parts;
}

/** The place of how many are in a state; those that failed can be stepped through.
 * @param {Status} status */
function count(status) {
  const inside = [icon(status), box("number")];
  if (status !== "failed") return box("count", { "data-status": status }, inside);
  const attributes = {
    type: "button",
    "data-act": "next",
    "data-status": status,
    title: "Show the next one that failed",
  };
  return box("count", attributes, inside, "button");
}
