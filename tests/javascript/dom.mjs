/** A page for tests in node: happy-dom, which lays nothing out, as the globals of a browser. */
import { createRequire } from "node:module";

const installed = createRequire(new URL("../../.venv/", import.meta.url));
const { Window } = await import(installed.resolve("happy-dom"));

const page = new Window();
Object.assign(globalThis, {
  window: page,
  document: page.document,
  HTMLElement: page.HTMLElement,
  requestAnimationFrame: page.requestAnimationFrame.bind(page),
  cancelAnimationFrame: page.cancelAnimationFrame.bind(page),
  IntersectionObserver: page.IntersectionObserver,
});

/** Wait until the next frame has been drawn. */
export const drawn = () =>
  new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)));

/** The texts of all elements within another. */
export const texts = (element, selector) =>
  [...element.querySelectorAll(selector)].map((one) => one.textContent);
