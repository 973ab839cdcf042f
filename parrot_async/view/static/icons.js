/** The icons of states and buttons. */
import { shape } from "./elements.js";

const RING = "M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12";

/** Every state has a shape of its own, so that none is told by its colour alone. A path is drawn
 * with a line (s), dashed (d), weakly (w), filled (f) or cut out (o).
 * @type {Record<string, [string, string][]>} */
const SHAPES = {
  planning: [["d", RING]],
  queued: [["s", RING]],
  running: [
    ["w", RING],
    ["s", "M8 2a6 6 0 0 1 6 6"],
    ["f", "M8 5.6a2.4 2.4 0 1 1 0 4.8a2.4 2.4 0 1 1 0-4.8"],
  ],
  waiting_for_children: [
    ["s", RING],
    ["f", "M8 4a4 4 0 0 1 0 8z"],
  ],
  paused: [
    ["s", RING],
    ["s", "M6.5 5.5v5M9.5 5.5v5"],
  ],
  completed: [
    ["f", "M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14"],
    ["o", "M4.9 8.3l2.2 2.2 4.1-4.6"],
  ],
  failed: [
    ["f", "M5.2 1.2h5.6l4 4v5.6l-4 4H5.2l-4-4V5.2z"],
    ["o", "M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"],
  ],
  cancelled: [
    ["s", RING],
    ["s", "M4 12l8-8"],
  ],
  pause: [["s", "M5.5 4v8M10.5 4v8"]],
  resume: [["f", "M5 3.5v9l7-4.5z"]],
  cancel: [
    ["f", "M4.5 4h7a.5.5 0 0 1 .5.5v7a.5.5 0 0 1-.5.5h-7a.5.5 0 0 1-.5-.5v-7a.5.5 0 0 1 .5-.5z"],
  ],
  retry: [["s", "M12.8 8.5a5 5 0 1 1-1.3-4M12 1.8v3H9"]],
  retry_failed: [
    ["s", "M12.8 8.5a5 5 0 1 1-1.3-4M12 1.8v3H9M7.8 5.8v2.6"],
    ["f", "M7.8 9.6a.8.8 0 1 1 0 1.6a.8.8 0 1 1 0-1.6"],
  ],
  look: [["s", "M2.5 3h11v10h-11zM2.5 9h11"]],
  close: [["s", "M4.5 4.5l7 7M11.5 4.5l-7 7"]],
  dismiss: [["s", "M4.5 4.5l7 7M11.5 4.5l-7 7"]],
  twisty: [["s", "M6.2 4.5L9.8 8l-3.6 3.5"]],
  pending: [
    ["w", RING],
    ["s", "M8 2a6 6 0 0 1 6 6"],
  ],
  notice: [
    ["s", "M8 2L1.8 13.5h12.4zM8 6.5v3.2"],
    ["f", "M8 11a.8.8 0 1 1 0 1.5a.8.8 0 1 1 0-1.5"],
  ],
};

/** @type {Map<string, Element>} */
const drawn = new Map();

/** @param {string} name
 * @returns {Element} */
export function icon(name) {
  let svg = drawn.get(name);
  if (!svg) {
    svg = shape("svg", {
      viewBox: "0 0 16 16",
      class: `pj-icon pj-is-${name}`,
      "aria-hidden": "true",
    });
    for (const [kind, d] of SHAPES[name]) svg.append(shape("path", { d, class: `pj-${kind}` }));
    drawn.set(name, svg);
  }
  return /** @type {Element} */ (svg.cloneNode(true));
}
