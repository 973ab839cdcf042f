/** Views for tests in node, with a kernel that answers. */
import "./dom.mjs";
import { after } from "node:test";
import { drawn } from "./dom.mjs";
import { Kernel } from "./kernel.mjs";

// After the page is there: a module may ask for it when it is loaded.
const { Feed } = await import("../../parrot_async/view/static/feed.js");
const { View } = await import("../../parrot_async/view/static/view.js");

export const NOW = Date.now() / 1000;

/** A view of rows that is drawn, and goes away when the tests are over. */
export async function viewOf(rows, options) {
  const kernel = new Kernel(rows, options);
  const feed = new Feed(kernel.model);
  const view = new View(feed, document.body);
  after(() => {
    view.remove();
    feed.stop();
  });
  await drawn();
  return { kernel, feed, view };
}

/** A root with three children, one of which failed. */
export const family = () => [
  {
    id: "a",
    title: "ingest",
    status: "waiting_for_children",
    started: NOW - 128,
    progress: 60,
    counts: { completed: 1, failed: 1, running: 1 },
  },
  { id: "a.0", parent: "a", title: "read", status: "completed", result: "7", cost: "0.5" },
  { id: "a.1", parent: "a", title: "split", status: "failed", error: "ValueError: x" },
  { id: "a.2", parent: "a", title: "embed", status: "running", progress: 40, worker: "cpu-1" },
];
