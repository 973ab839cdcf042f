/**
 * One line of the tree.
 *
 * @import { Description } from "./description.js"
 * @import { TreeNode } from "./forest.js"
 * @import { Row } from "./protocol.js"
 * @import { View } from "./view.js"
 */
import { buttons } from "./buttons.js";
import { describe, describeRoot, label } from "./description.js";
import { box, mark, put } from "./elements.js";
import { icon } from "./icons.js";

export const ROW = 26;

export const CELLS = /** @type {const} */ ([
  "status",
  "progress",
  "elapsed",
  "left",
  "worker",
  "tokens",
  "cost",
]);

export const HEADS = {
  status: "Status",
  progress: "Progress",
  elapsed: "Elapsed",
  left: "Left",
  worker: "Worker",
  tokens: "Tokens",
  cost: "Cost",
};

/** One line of the tree; it shows one job after the other as the tree is scrolled. */
export class Line {
  constructor() {
    this.twisty = box("twisty", { "data-act": "toggle" }, [icon("twisty")]);
    this.sign = box("sign");
    this.title = box("title");
    this.call = box("call");
    this.attempt = box("attempt");
    this.note = box("note");
    this.indent = box("indent");
    this.fill = box("fill");
    this.percent = box("percent");
    this.bar = box("bar", {}, [this.fill]);
    this.pool = box("pool");
    this.name = box("name");
    this.cells = Object.fromEntries(CELLS.map((name) => [name, box(`cell ${name}`)]));
    this.cells.progress.append(this.bar, this.percent);
    this.cells.worker.append(this.pool, this.name);
    this.buttons = box("buttons");
    const job = box("job", {}, [
      this.indent,
      this.twisty,
      this.sign,
      this.title,
      this.call,
      this.attempt,
      this.note,
    ]);
    this.element = box("row", { role: "treeitem" }, [
      job,
      ...Object.values(this.cells),
      this.buttons,
    ]);
    /** @type {TreeNode | null} */
    this.node = null;
    this.status = "";
  }

  /** @param {View} view
   * @param {TreeNode} node
   * @param {number} at its place among the lines
   * @param {number} now */
  show(view, node, at, now) {
    const row = node.row;
    const said = view.panel && !node.parent ? describeRoot(row, now) : describe(row, now);
    this.node = node;
    this.element.style.transform = `translateY(${at * ROW}px)`;
    this.state(view, node, label(row, said));
    this.job(row, node, said);
    this.figures(row, said);
    buttons(this.buttons, view.feed, row, false, true);
  }

  /** What the row is in the tree.
   * @param {View} view
   * @param {TreeNode} node
   * @param {string} says */
  state(view, node, says) {
    const opens = view.outline.opens(node);
    const element = this.element;
    mark(element, "id", view.domId(node.row.id));
    mark(element, "data-id", node.row.id);
    mark(element, "aria-label", says);
    mark(element, "aria-level", String(node.level));
    mark(element, "aria-posinset", String(node.place + 1));
    mark(element, "aria-setsize", String((node.parent?.children ?? view.feed.forest.roots).length));
    mark(element, "aria-expanded", opens ? String(view.outline.isOpen(node)) : null);
    mark(element, "aria-selected", String(node.row.id === view.active));
    mark(this.twisty, "data-none", opens ? null : "");
    this.element.style.setProperty("--level", String(Math.min(node.level, 12) - 1));
  }

  /** @param {Row} row
   * @param {TreeNode} node
   * @param {Description} said */
  job(row, node, said) {
    if (this.status !== row.status) {
      this.status = row.status;
      this.sign.replaceChildren(icon(row.status));
      mark(this.element, "data-status", row.status);
    }
    mark(this.element, "data-parent", node.children.length ? "" : null);
    if (this.title.textContent !== row.title) this.title.title = row.title;
    put(this.title, row.title);
    put(this.call, row.call ?? "");
    put(this.attempt, said.attempt);
    if (this.note.textContent !== said.note) this.note.title = said.note;
    put(this.note, said.note);
    mark(this.element, "data-error", row.error ? "" : null);
  }

  /** @param {Row} row
   * @param {Description} said */
  figures(row, said) {
    put(this.cells.status, said.word);
    put(this.percent, said.percent);
    this.bar.hidden = said.percent === "";
    this.fill.style.transform = `scaleX(${(row.progress ?? 0) / 100})`;
    put(this.cells.elapsed, said.elapsed);
    put(this.cells.left, said.left);
    put(this.pool, said.pool && said.worker.startsWith(said.pool) ? "" : said.pool);
    put(this.name, said.worker);
    put(this.cells.tokens, said.tokens);
    put(this.cells.cost, said.cost);
  }
}
