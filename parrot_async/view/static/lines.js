/**
 * The lines of the tree that are in sight.
 *
 * @import { TreeNode } from "./forest.js"
 * @import { View } from "./view.js"
 */
import { box, mark } from "./elements.js";
import { CELLS, HEADS, Line, ROW } from "./line.js";
import { ENDED } from "./status.js";

const TOP = 24;

export const MOST = 20;

/** The lines in sight of however many there are. */
export class Lines {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    const heads = CELLS.map((name) => box(`cell ${name}`, {}, [HEADS[name]]));
    const columns = box("columns", { "aria-hidden": "true" }, [box("job", {}, ["Job"]), ...heads]);
    this.space = box("space", { role: "none" });
    this.element = box(
      "lines",
      { role: "tree", tabindex: "0", "aria-label": view.panel ? "Jobs" : "Jobs of this tree" },
      [columns, this.space],
    );
    this.element.addEventListener("scroll", () => view.changed(new Set()), { passive: true });
    /** @type {TreeNode[]} */
    this.nodes = [];
    /** @type {Map<string, Line>} */
    this.shown = new Map();
  }

  /** Take new lines, and leave what is in sight where it is.
   * @param {TreeNode[]} nodes */
  set(nodes) {
    const anchor = this.anchor();
    const before = anchor ? this.nodes.indexOf(anchor) : -1;
    this.nodes = nodes;
    this.space.style.height = `${nodes.length * ROW}px`;
    const after = anchor ? nodes.findIndex((node) => node.row.id === anchor.row.id) : -1;
    if (after >= 0) this.element.scrollTop += (after - before) * ROW;
  }

  /** The line that must not move: the one that has the keyboard, else the first in sight. */
  anchor() {
    const top = this.element.scrollTop;
    if (top < ROW) return undefined;
    const first = Math.ceil(top / ROW);
    const seen = this.nodes.slice(first, first + MOST);
    return seen.find((node) => node.row.id === this.view.active) ?? seen[0];
  }

  /** @returns {[number, number]} the first line in sight, and the one after the last */
  range() {
    const top = this.element.scrollTop;
    const height = Math.min(this.nodes.length * ROW, MOST * ROW);
    return [
      Math.max(0, Math.floor(top / ROW) - 1),
      Math.min(this.nodes.length, Math.ceil((top + height) / ROW) + 1),
    ];
  }

  /** @param {Set<string> | null} ids of the rows to draw again; null: all */
  draw(ids) {
    const [first, end] = this.range();
    const wanted = this.nodes.slice(first, end);
    const spare = this.spare(new Set(wanted.map((node) => node.row.id)));
    const now = this.view.feed.now();
    wanted.forEach((node, place) => {
      const before = this.shown.get(node.row.id);
      if (before && ids && !ids.has(node.row.id)) return;
      const line = before ?? spare.pop() ?? new Line();
      line.show(this.view, node, first + place, now);
      this.shown.set(node.row.id, line);
      if (!line.element.parentNode) this.space.append(line.element);
    });
    for (const line of spare) line.element.remove();
    this.point();
    this.view.feed.sight.drawn();
  }

  /** The lines of jobs that are out of sight now.
   * @param {Set<string>} wanted */
  spare(wanted) {
    const spare = [];
    for (const [id, line] of this.shown) {
      if (wanted.has(id)) continue;
      spare.push(line);
      this.shown.delete(id);
    }
    return spare;
  }

  /** Tell assistive technology which line has the keyboard. */
  point() {
    const line = this.view.active === null ? undefined : this.shown.get(this.view.active);
    mark(this.element, "aria-activedescendant", line ? line.element.id : null);
  }

  /** Only what ticks: rows under way.
   * @returns {Set<string>} */
  ticking() {
    const ids = new Set();
    for (const [id, line] of this.shown)
      if (line.node && !ENDED.has(line.node.row.status)) ids.add(id);
    return ids;
  }

  /** @param {number} place */
  reveal(place) {
    const top = place * ROW;
    const height = this.element.clientHeight - TOP;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + ROW > this.element.scrollTop + height)
      this.element.scrollTop = top + ROW - height;
  }
}
