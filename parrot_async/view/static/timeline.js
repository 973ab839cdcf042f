/**
 * The timeline in the details.
 *
 * @import { Bar } from "./protocol.js"
 */
import { box, shape } from "./elements.js";
import { duration } from "./wording.js";

/** Who worked on what, and when: a lane for each worker.
 * @param {Bar[]} bars
 * @param {number} now */
export function timeline(bars, now) {
  const begin = Math.min(...bars.map(([, , , from]) => from));
  const end = Math.max(...bars.map(([, , , , to]) => to ?? now), begin + 0.001);
  const lanes = [...new Set(bars.map(([worker]) => worker))].sort();
  const rows = lanes.map((worker) =>
    lane(
      worker,
      bars.filter(([name]) => name === worker),
      begin,
      end,
      now,
    ),
  );
  const says = `${bars.length} attempts on ${lanes.length} workers within ${duration(end - begin)}`;
  return box("gantt", { role: "img", "aria-label": says, tabindex: "0" }, [
    ...rows,
    scale(end - begin),
  ]);
}

const BAR = 14;

/** The line of each bar, where none covers another: the first that is free when it begins.
 * @param {Bar[]} bars the earliest first
 * @param {number} now
 * @returns {number[]} */
export function stacked(bars, now) {
  /** @type {number[]} */
  const ends = [];
  return bars.map(([, , , from, to]) => {
    const free = ends.findIndex((end) => end <= from);
    const place = free < 0 ? ends.length : free;
    ends[place] = to ?? now;
    return place;
  });
}

/** @param {string} worker
 * @param {Bar[]} bars
 * @param {number} begin
 * @param {number} end
 * @param {number} now */
function lane(worker, bars, begin, end, now) {
  const share = (/** @type {number} */ seconds) =>
    `${((100 * seconds) / (end - begin)).toFixed(3)}%`;
  const places = stacked(bars, now);
  const svg = shape("svg", {
    class: "pj-lane",
    height: String(4 + BAR * (Math.max(...places) + 1)),
  });
  for (const [place, [, title, status, from, to]] of bars.entries()) {
    const rect = shape("rect", {
      x: share(from - begin),
      width: share((to ?? now) - from),
      y: String(3 + BAR * places[place]),
      height: String(BAR - 2),
      rx: "2",
      "data-status": status,
    });
    const tip = shape("title", {});
    tip.textContent = `${title}: ${status.replaceAll("_", " ")}, ${duration((to ?? now) - from)}`;
    rect.append(tip);
    svg.append(rect);
  }
  return box("lanes", {}, [box("name", { title: worker }, [worker]), svg]);
}

/** A time on an axis.
 * @param {number} seconds
 * @param {number} all what the axis is long */
export function onAxis(seconds, all) {
  if (seconds === 0) return "0";
  return all < 1 ? `${Math.round(1000 * seconds)}ms` : duration(seconds);
}

/** @param {number} seconds */
function scale(seconds) {
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) =>
    box("mark", {}, [onAxis(seconds * part, seconds)]),
  );
  return box("lanes", {}, [box("name"), box("scale", {}, marks)]);
}
