/**
 * The tabs, the search and the totals of a panel.
 *
 * @import { Row, Totals } from "./protocol.js"
 * @import { View } from "./view.js"
 */
import { box, mark, put } from "./elements.js";
import { TABS } from "./status.js";
import { duration, many, money } from "./wording.js";

const PAGE = 100;

const TYPING = 250;

/** What is above the jobs of a panel: tabs, search, totals. */
export class Chooser {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.tab = "All";
    this.limit = PAGE;
    this.wait = 0;
    this.tabs = Object.keys(TABS).map((name) =>
      box(
        "tab",
        { type: "button", "data-tab": name },
        [name, box("badge", {}, [], "span")],
        "button",
      ),
    );
    this.search = /** @type {HTMLInputElement} */ (
      box(
        "search",
        { type: "search", placeholder: "Search jobs", "aria-label": "Search jobs" },
        [],
        "input",
      )
    );
    this.totals = box("figures");
    this.element = box("summary", {}, [
      box("top", {}, [
        box("tabs", { role: "group", "aria-label": "Jobs by state" }, this.tabs),
        this.totals,
        this.search,
      ]),
    ]);
    this.element.addEventListener("click", (event) => this.choose(event));
    this.search.addEventListener("input", () => this.typed());
  }

  /** @param {Event} event */
  choose(event) {
    const tab = /** @type {Element} */ (event.target)
      .closest("[data-tab]")
      ?.getAttribute("data-tab");
    if (!tab) return;
    this.tab = tab;
    this.limit = PAGE;
    this.ask();
  }

  typed() {
    clearTimeout(this.wait);
    this.wait = window.setTimeout(() => this.ask(), TYPING);
  }

  more() {
    this.limit += PAGE;
    this.ask();
  }

  ask() {
    this.view.feed.ask(TABS[this.tab], this.search.value.trim(), this.limit);
    this.view.changed(null);
  }

  /** Whether a job is one of those that are asked for: what the kernel sent may be older.
   * @param {Row} row */
  fits(row) {
    const text = this.search.value.trim().toLowerCase();
    const wanted = TABS[this.tab];
    if (wanted.length && !wanted.includes(row.status)) return false;
    return [row.title, row.id, row.function ?? ""].some((words) =>
      words.toLowerCase().includes(text),
    );
  }

  /** What is said where no job is shown. */
  nothing() {
    const words = this.search.value.trim();
    const kind = this.tab === "All" ? "" : `${this.tab.toLowerCase()} `;
    return words ? `No ${kind}job matches “${words}”` : `No ${kind}jobs`;
  }

  draw() {
    const totals = this.view.feed.snapshot.totals ?? {};
    for (const tab of this.tabs) {
      const name = tab.getAttribute("data-tab") ?? "";
      mark(tab, "aria-pressed", String(name === this.tab));
      put(/** @type {Element} */ (tab.lastChild), numberOf(totals, name));
    }
    const took = Number(totals.seconds ?? 0);
    const words = [
      took && `${duration(took)} of work`,
      Number(totals.cost ?? 0) && money(totals.cost),
    ];
    put(this.totals, words.filter(Boolean).join(" · "));
  }
}

/** @param {Totals} totals
 * @param {string} tab */
function numberOf(totals, tab) {
  const all = ["active", "queued", "finished"];
  const names = tab === "All" ? all : [tab.toLowerCase()];
  return many(names.reduce((sum, name) => sum + Number(totals[name] ?? 0), 0));
}
