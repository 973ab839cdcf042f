/**
 * Show the joined script with a fake kernel: run `python -m tests.javascript.site`, open
 * http://127.0.0.1:8123/tests/javascript/harness.html?jobs=10000&rate=10 and look at
 * `window.measured`.
 *
 * - jobs, rate: how large the tree is, and how many times a second 50 of its jobs change
 * - view: tree or panel        - kernel: live, or none as in a saved notebook
 * - theme: one of JupyterLab's (light, dark, dark-high-contrast) or none; its CSS comes from .venv
 */
import widget from "/jobs.js";
import { Kernel, rowsOf } from "./kernel.mjs";

const asked = new URLSearchParams(location.search);
const size = Number(asked.get("jobs") ?? 200);
const rate = Number(asked.get("rate") ?? 0);
const theme = asked.get("theme") ?? "none";
const themes = "/.venv/share/jupyter/lab/themes/@jupyterlab";

async function dress() {
  if (theme === "none") return;
  const link = Object.assign(document.createElement("link"), {
    rel: "stylesheet",
    href: `${themes}/theme-${theme}-extension/index.css`,
  });
  document.body.dataset.jpThemeLight = String(!theme.startsWith("dark"));
  await new Promise((then) => {
    link.onload = then;
    document.head.append(link);
  });
}

function panel() {
  const now = Date.now() / 1000;
  const rows = [];
  const states = [
    "running",
    "waiting_for_children",
    "queued",
    "completed",
    "failed",
    "completed",
    "cancelled",
    "paused",
  ];
  for (let place = 0; place < size; place++) {
    const status = states[place % states.length];
    const [top] = rowsOf(30, {
      now: now - 3600 * place,
      id: `m816v5560z1jk${place}`,
      title: ["ingest docs/", "ask the papers", "train the ranker", "nightly report"][place % 4],
    });
    const over = ["completed", "failed", "cancelled"].includes(status);
    rows.push({
      ...top,
      status,
      ...(over ? { ended: top.started + 300 } : {}),
      ...(status === "failed" ? { error: "ValueError: no text layer" } : {}),
      ...(status === "queued" ? { started: undefined, progress: undefined } : {}),
    });
  }
  return JSON.parse(JSON.stringify(rows));
}

/** How evenly frames come, and how long the main thread was held, from the first paint on. */
function measure(began) {
  const measured = {
    firstPaint: 0,
    frames: 0,
    seconds: 0,
    worstFrame: 0,
    longestTask: 0,
  };
  window.measured = measured;
  requestAnimationFrame(() =>
    requestAnimationFrame((now) => {
      measured.firstPaint = now - began;
      let last = now;
      const from = now;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
          if (entry.startTime > from)
            measured.longestTask = Math.max(measured.longestTask, entry.duration);
      }).observe({ type: "longtask" });
      const frame = (at) => {
        measured.frames += 1;
        measured.worstFrame = Math.max(measured.worstFrame, at - last);
        measured.seconds = (at - from) / 1000;
        last = at;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    }),
  );
}

await dress();
const kernel =
  asked.get("view") === "panel"
    ? new Kernel(panel(), {
        view: "panel",
        totals: {
          active: 3,
          queued: 1,
          finished: 4,
          cost: "1.2041",
          seconds: 5025,
          matching: size,
        },
      })
    : new Kernel(rowsOf(size));
if (asked.get("kernel") === "none") kernel.model.answer = () => {};
window.kernel = kernel;
const began = performance.now();
const { initialize, render } = widget();
initialize({ model: kernel.model });
render({ model: kernel.model, el: document.getElementById("place") });
measure(began);
if (rate) setInterval(() => kernel.step(), 1000 / rate);
document.documentElement.dataset.ready = "";
