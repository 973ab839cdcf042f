/** Which keys Jupyter may have while something of a view is focused. */

const MARK = "data-lm-suppress-shortcuts";

/** Whether a key is a shortcut of Jupyter's, such as Ctrl+S: letters alone, which insert and delete
 * cells, are none, nor is what edits or copies text.
 * @param {KeyboardEvent} event */
export function isShortcut(event) {
  const { key } = event;
  const held = event.ctrlKey || event.metaKey || event.altKey;
  if (!held || key.length !== 1 || event.getModifierState("AltGraph")) return false;
  return !/^[acvxyzZ]$/.test(key);
}

/** Takes the marks of a view away for as long as a shortcut is on its way. */
export class Shortcuts {
  /** @param {Element} view */
  constructor(view) {
    this.view = view;
    /** @type {Element[]} Those without their mark. */
    this.open = [];
    this.typed = (/** @type {KeyboardEvent} */ event) => this.pass(event);
    // Jupyter listens at the document: some versions before, some after the focused element.
    window.addEventListener("keydown", this.typed, true);
  }

  remove() {
    window.removeEventListener("keydown", this.typed, true);
  }

  /** @param {KeyboardEvent} event */
  pass(event) {
    for (const element of this.open) element.setAttribute(MARK, "true");
    this.open = [];
    /** @type {HTMLElement | null} */
    let element = event.target instanceof HTMLElement ? event.target : null;
    if (!element || !this.view.contains(element) || !isShortcut(event)) return;
    for (; element && element !== this.view; element = element.parentElement) {
      if (element.hasAttribute(MARK)) this.open.push(element);
    }
    for (const one of this.open) one.removeAttribute(MARK);
  }
}
