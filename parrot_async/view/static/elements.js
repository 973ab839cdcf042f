/** Elements of the page, made and changed. */

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} tag
 * @param {Record<string, string>} attributes */
export function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** What takes the keyboard is marked one by one, so that Jupyter leaves it alone: it looks for the
 * mark at what is focused, and no further up once a rule of its own fits that.
 * @param {string} kind class without its prefix
 * @param {Record<string, string>} [attributes]
 * @param {(globalThis.Node | string)[]} [inside]
 * @param {string} [tag] */
export function box(kind, attributes = {}, inside = [], tag = "div") {
  const element = document.createElement(tag);
  element.className = kind
    .split(" ")
    .map((name) => `pj-${name}`)
    .join(" ");
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (tag === "button" || tag === "input" || "tabindex" in attributes)
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  element.append(...inside);
  return element;
}

/** Write only what differs: an equal text would still be laid out anew.
 * @param {Element} element
 * @param {string} text */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element
 * @param {string} name
 * @param {string | null} value */
export function mark(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
