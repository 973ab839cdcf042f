/**
 * What of a feed is in sight, and what the kernel is told about that.
 *
 * @import { Feed } from "./feed.js"
 * @import { View } from "./view.js"
 */

const GLANCE = 150;
const RENEWAL = 20_000;

/** The views of one feed that can be seen, and the rows that they draw. */
export class Sight {
  /** @param {Feed} feed */
  constructor(feed) {
    this.feed = feed;
    /** @type {Set<View>} */
    this.views = new Set();
    /** @type {boolean | undefined} What the kernel was told about that. */
    this.on = undefined;
    /** @type {ReturnType<typeof setTimeout> | 0} */
    this.glance = 0;
    this.glimpsed = "";
    this.glimpsedAt = -Infinity;
    this.page = Math.random().toString(36).slice(2); // several may show what one kernel tells
  }

  stop() {
    clearTimeout(this.glance);
  }

  /** Nobody needs deltas of what nobody sees.
   * @param {View} view
   * @param {boolean} on */
  seen(view, on) {
    if (on) this.views.add(view);
    else this.views.delete(view);
    this.drawn();
    const any = this.views.size > 0;
    if (any === this.on) return;
    const again = this.on === false;
    this.on = any;
    this.feed.connection.send({ t: "seen", on: any });
    if (any && again) this.feed.hello();
  }

  /** Rows have been drawn: the kernel tells of those as they get on, and of others now and then. */
  drawn() {
    this.glance ||= setTimeout(() => this.glimpse(), GLANCE);
  }

  glimpse() {
    this.glance = 0;
    const { state, snapshot, opened, forest } = this.feed;
    const isPanel = snapshot.view === "panel";
    if (state !== "live" || (isPanel && !opened?.rev)) return;
    const rows = [...this.views].flatMap((view) => view.rows);
    const ids = isPanel ? rows.filter((id) => forest.nodes.get(id)?.parent) : rows;
    if (!this.isNews(ids)) return;
    const of = isPanel ? { of: opened?.id } : {};
    this.feed.connection.send({ t: "sight", ...of, page: this.page, ids });
  }

  /** Whether the kernel does not know these rows, or might have forgotten them.
   * @param {string[]} ids */
  isNews(ids) {
    const glimpsed = ids.join(" ");
    if (glimpsed === this.glimpsed && Date.now() - this.glimpsedAt < RENEWAL) return false;
    this.glimpsed = glimpsed;
    this.glimpsedAt = Date.now();
    return true;
  }

  /** Tell the kernel again, even what it has heard. */
  renew() {
    this.glimpsed = "";
  }
}
