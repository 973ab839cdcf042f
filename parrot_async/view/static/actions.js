/**
 * What can be done with a job, and what the buttons for that say.
 *
 * @import { Action, Row } from "./protocol.js"
 */
import { ENDED } from "./status.js";

/** @type {Record<Action | "look", string>} */
export const LABELS = {
  pause: "Pause",
  resume: "Resume",
  cancel: "Cancel",
  retry_failed: "Retry failed only",
  retry: "Run again",
  look: "View results",
};

/** What can be done with a job in its present state, as far as the service knows how.
 * @param {Row} row
 * @param {Action[]} can
 * @returns {Action[]} */
export function actions(row, can) {
  const ended = ENDED.has(row.status);
  const held = row.status === "paused" || row.pausing;
  /** @type {Record<Action, boolean | undefined>} */
  const fits = {
    pause: !ended && !held && !row.stopping && row.status !== "planning",
    resume: !ended && held && !row.stopping,
    cancel: !ended && !row.stopping,
    retry_failed: ended && row.incomplete,
    retry: ended,
  };
  return /** @type {Action[]} */ (Object.keys(fits)).filter(
    (action) => fits[action] && can.includes(action),
  );
}
