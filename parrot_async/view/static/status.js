/**
 * The states of a job, and their words.
 *
 * @import { Counts, Row, Status } from "./protocol.js"
 */

/** @type {Record<Status, string>} */
export const WORDS = {
  planning: "Planned",
  queued: "Queued",
  running: "Running",
  waiting_for_children: "Waiting",
  paused: "Paused",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** In the order of the summary's bar: what is done, what runs, what is still to come. */
export const ORDER = /** @type {Status[]} */ ([
  "completed",
  "failed",
  "cancelled",
  "running",
  "waiting_for_children",
  "paused",
  "queued",
  "planning",
]);

export const ENDED = new Set(["completed", "failed", "cancelled"]);

export const UNDER_WAY = new Set(["running", "waiting_for_children", "paused"]);

/** @type {Record<string, Status[]>} */
export const TABS = {
  All: [],
  Active: ["running", "waiting_for_children", "paused"],
  Queued: ["queued", "planning"],
  Finished: ["completed", "failed", "cancelled"],
};

/** @param {Counts} counts */
export const sumOf = (counts) =>
  Object.values(counts).reduce((all, count) => all + (count ?? 0), 0);

/** The state in words, as the reports have it: "waiting for children".
 * @param {Row} row */
export const inFull = (row) =>
  row.stopping && !ENDED.has(row.status)
    ? "stopping"
    : row.pausing
      ? "pausing"
      : row.status.replaceAll("_", " ");
