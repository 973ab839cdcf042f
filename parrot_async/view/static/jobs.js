/**
 * The live tree of jobs, and the panel of all jobs: what `protocol.py` says, drawn.
 *
 * A `Feed` holds what the kernel has told, a `Forest` its rows; a `View` draws those in sight. All
 * that comes from a job is text and becomes text nodes or attributes, never HTML.
 *
 * @import { Model } from "./connection.js"
 */
import { Feed } from "./feed.js";
import { View } from "./view.js";

/** What anywidget asks for: a feed for the model, and a view wherever it is displayed. */
export default () => {
  /** @type {Feed} */
  let feed;
  return {
    /** @param {{model: Model}} props */
    initialize({ model }) {
      feed = new Feed(model);
      return () => feed.stop();
    },
    /** @param {{el: HTMLElement}} props */
    render({ el }) {
      const view = new View(feed, el);
      return () => view.remove();
    },
  };
};
