/**
 * The buttons of a job.
 *
 * @import { Feed } from "./feed.js"
 * @import { Row } from "./protocol.js"
 */
import { actions, LABELS } from "./actions.js";
import { box } from "./elements.js";
import { icon } from "./icons.js";

/** @param {string} what for `data-act`
 * @param {string} says
 * @param {boolean} words whether its name is to be read, or its icon only
 * @param {boolean} pending */
export function button(what, says, words, pending) {
  const made = box(
    `button${words ? " worded" : ""}`,
    { type: "button", "data-act": what, title: says },
    [icon(pending ? "pending" : what)],
    "button",
  );
  if (words) made.append(says);
  else made.setAttribute("aria-label", says);
  if (pending) made.setAttribute("aria-disabled", "true");
  return made;
}

/** Buttons of a job in a place that keeps them as long as they are the same ones.
 * @param {HTMLElement} place
 * @param {Feed} feed
 * @param {Row} row
 * @param {boolean} words
 * @param {boolean} look whether its details can be asked for here */
export function buttons(place, feed, row, words, look) {
  const pressed = feed.presses.of(row.id);
  const shown = [...actions(row, feed.can), ...(look ? /** @type {const} */ (["look"]) : [])];
  const key = [row.id, pressed, ...shown].join(" ");
  if (place.dataset.key === key) return;
  const held =
    place.contains(document.activeElement) &&
    /** @type {HTMLElement} */ (document.activeElement).dataset.act;
  place.dataset.key = key;
  place.dataset.id = row.id;
  place.replaceChildren(
    ...shown.map((action) => button(action, LABELS[action], words, action === pressed)),
  );
  if (words) for (const child of place.children) child.removeAttribute("title");
  else for (const child of place.children) child.setAttribute("tabindex", "-1");
  if (held)
    /** @type {HTMLElement} */ (
      place.querySelector(`[data-act="${held}"]`) ?? place.firstElementChild
    )?.focus();
}
