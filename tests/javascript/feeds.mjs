/** Feeds for tests, on a clock that only the tests turn. */
import { afterEach, beforeEach, mock } from "node:test";
import { Feed } from "../../parrot_async/view/static/feed.js";

export const START = Date.UTC(2026, 10, 22, 12);
export const row = (id, changes) => ({ id, title: id, status: "running", ...changes });
export const child = (id, parent, changes) => row(id, { parent, ...changes });
let feeds;

beforeEach(() => {
  feeds = [];
  mock.timers.enable({ apis: ["setInterval", "setTimeout", "Date"], now: START });
});
afterEach(() => {
  for (const feed of feeds) feed.stop();
  mock.timers.reset();
});

/** A feed that is stopped when the test is over. */
export function feedOf(model) {
  const feed = new Feed(model);
  feeds.push(feed);
  return feed;
}

/** A tree of two rows. */
export function snapshot(changes) {
  return {
    view: "tree",
    rev: 5,
    at: START / 1000,
    rows: [row("a"), child("a.0", "a")],
    over: false,
    can: ["cancel"],
    ...changes,
  };
}

/** A view that remembers what it was told. */
export function watching(feed) {
  const told = { changes: [], answers: [], late: [], ticks: 0 };
  feed.views.add({
    changed: (ids) => told.changes.push(ids),
    answered: (...answer) => told.answers.push(answer),
    late: (press) => told.late.push(press.id),
    tick: () => (told.ticks += 1),
  });
  return told;
}
