/**
 * The notice above the jobs: that what is shown may be old, or what became of a press.
 *
 * @import { View } from "./view.js"
 */
import { button } from "./buttons.js";
import { box } from "./elements.js";
import { icon } from "./icons.js";
import { moment } from "./wording.js";

const GONE = "it is busy or gone. This is the last known state.";

/** One line of news, which somebody can dismiss, or of trouble, which stays until it is over. */
export class Notice {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    this.news = "";
    this.element = box("notice", { hidden: "" });
  }

  draw() {
    const words = this.trouble() || this.news;
    this.element.hidden = !words;
    if (words && this.element.dataset.says !== words) this.say(words);
    this.element.dataset.says = words;
  }

  /** @param {string} words */
  say(words) {
    const close = this.news === words ? [button("dismiss", "Dismiss", false, false)] : [];
    this.element.replaceChildren(icon("notice"), box("words", {}, [words]), ...close);
  }

  trouble() {
    const { state, connection, forest } = this.view.feed;
    const when = moment(connection.last, Date.now() / 1000);
    const id = forest.roots[0]?.row.id;
    const again =
      this.view.panel || !id ? "" : ` To bring it back to life: await client.attach("${id}")`;
    if (state === "saved") return `As it was at ${when}: no kernel is connected.${again}`;
    if (state === "silent") return `No word from the kernel since ${when}: ${GONE}`;
    return state === "lost" ? `The last known state, of ${when}: ${connection.lost}` : "";
  }
}
