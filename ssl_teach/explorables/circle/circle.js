// Points on the circle. The loss and the small encoder are in circle_math.js, the softmax is in
// nt_xent.js.

/** @import { Rule } from "../shared/types.js" */

import { context2d } from "../shared/canvas.js";
import { colour, css } from "../shared/colours.js";
import { choice, fixed, logScale, slider } from "../shared/controls.js";
import { button, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { keys } from "../shared/keyboard.js";
import { allowed } from "../shared/link.js";
import { save } from "../shared/state.js";
import { contrast, evenlySpread, newWorld, stepOf, throughLength } from "./circle_math.js";

const TAU = logScale(0.05, 1, 100, 2);
const PER_STEP = 70;
const AT_ONCE = 50;
const KEPT = 2000; // values that the curves show
const FARTHEST = 5000; // the most steps that a link may ask for: they take a second or two

const NOTICE = [
  "With negatives, partners meet and the pairs spread out: alignment falls as far as the noise",
  "lets it, and uniformity falls too.",
  "Without them nothing keeps the pairs apart.",
  "Alignment goes towards 0, its best value, and uniformity rises towards 0, its worst: all",
  "views get the same representation.",
].join(" ");

/**
 * The stretches that a link names, "300,0.2,true,50,0.1,false": the number of steps, τ, and whether
 * there are negatives. Undefined if that is not possible, or would take too long to repeat.
 * @param {string} text
 */
export function stretchesOf(text) {
  const parts = text === "" ? [] : text.split(",");
  /** @type {Rule[]} */
  const rules = [[1, FARTHEST], { least: 0.05, most: 1 }, true];
  if (parts.length % 3 || parts.length > 900) return undefined;
  const values = parts.map((part, k) => allowed(rules[k % 3], part));
  if (values.includes(undefined)) return undefined;
  const walked = Array.from({ length: parts.length / 3 }, (_, k) => values.slice(3 * k, 3 * k + 3));
  return walked.reduce((sum, [steps]) => sum + steps, 0) <= FARTHEST ? walked : undefined;
}

const said3 = (value) => fixed(value).replace("−0.000", "0.000");

function render({ model, el }) {
  const box = frame({ model, el, name: "circle", title: "Points on the circle" }, redraw, {
    pairs: [2, 16],
    tau: { least: 0.05, most: 1 },
    space: { of: ["circle", "sphere"] },
    negatives: true,
    seed: [-(2 ** 31), 2 ** 31 - 1],
    walked: stretchesOf,
  });
  const live = liveRegion();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const dimension = () => (model.get("space") === "sphere" ? 3 : 2);
  let world;
  let history;
  let walked = [];
  let made = "";
  let timer = 0;
  let turn = { yaw: 0.5, pitch: 0.35 };
  let said = "";

  const measure = () =>
    contrast(world.z, world.dimension, model.get("tau"), model.get("negatives"));
  const note = () => {
    const { alignment, uniformity } = measure();
    history.push([alignment, uniformity]);
    if (history.length > KEPT) history.shift();
  };
  const begin = (again) => {
    // and repeat the stretches that were taken before, step by step
    world = newWorld(model.get("pairs"), dimension(), model.get("seed"));
    history = [];
    note();
    for (const [steps, tau, negatives] of again)
      for (let k = 0; k < steps; k++) {
        stepOf(world, tau, negatives);
        note();
      }
    made = settings();
    walked = again;
    model.set("walked", walked);
  };
  const settings = () => [model.get("pairs"), model.get("space"), model.get("seed")].join();
  const one = () => {
    const tau = model.get("tau");
    const negatives = model.get("negatives");
    const last = walked.at(-1);
    stepOf(world, tau, negatives);
    note();
    const goesOn = last?.[1] === tau && last[2] === negatives;
    walked = goesOn
      ? [...walked.slice(0, -1), [last[0] + 1, tau, negatives]]
      : [...walked, [1, tau, negatives]];
    model.set("walked", walked);
  };
  const tell = () => {
    const { loss, alignment, uniformity } = measure();
    save(model, { found: { steps: world.steps, loss, alignment, uniformity } });
  };
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    tell();
    box.queue();
  };
  const play = () => {
    if (timer) return pause();
    if (still) {
      for (let k = 0; k < AT_ONCE; k++) one();
      return pause();
    } // the reader prefers no motion
    timer = setInterval(() => {
      one();
      box.queue();
    }, PER_STEP);
    box.queue();
  };
  const step = () => {
    one();
    if (timer) pause();
    else {
      tell();
      box.queue();
    }
  };
  const reset = () => {
    begin([]);
    pause();
  };
  const turnBy = (yaw, pitch) => {
    turn = { yaw: turn.yaw + yaw, pitch: Math.max(-1.4, Math.min(1.4, turn.pitch + pitch)) };
    box.queue();
  };

  const controls = buildControls(model, { play, step, reset }, still);
  const scene = buildScene(turnBy, () => model.get("space") === "sphere", {
    " ": play,
    s: step,
    r: reset,
  });
  const numbers = buildRecord();
  box.root.append(
    controls.element,
    h("div", { class: "ssl-circle" }, scene.element, numbers.element),
    notice(rich(NOTICE)),
    live.element,
  );
  begin(model.get("walked"));

  function redraw() {
    const asked = model.get("walked");
    if (`${asked}` !== `${walked}`)
      begin(asked); // set from Python
    else if (made !== settings()) begin([]);
    // not in the page yet; the resize observer will call again
    if (!scene.element.clientWidth) return;
    const state = {
      ...measure(),
      world,
      history,
      turn,
      tau: model.get("tau"),
      negatives: model.get("negatives"),
      playing: timer !== 0,
      pairs: model.get("pairs"),
      space: model.get("space"),
    };
    const theme = Object.fromEntries(
      ["ink", "quiet", "paper", "line", "edge", "cold", "warm"].map((name) => [
        name,
        css(colour(box.root, `--ssl-${name}`)),
      ]),
    );
    controls.update(state);
    scene.update(state, theme, box.root.dataset.theme === "dark");
    numbers.update(state, theme);
    const degrees = ((Math.round((turn.yaw * 180) / Math.PI) % 360) + 360) % 360;
    const words =
      `Step ${world.steps}: loss ${said3(state.loss)}, alignment ${said3(state.alignment)}, ` +
      `uniformity ${said3(state.uniformity)}. Seen from ${degrees} degrees.`;
    if (timer) return; // the result is said when it stops
    if (said && words !== said) live.say(words);
    said = words;
  }
  return () => {
    clearInterval(timer);
    box.end();
  };
}

function buildControls(model, { play, step, reset }, still) {
  const pairs = slider({
    label: "images (pairs) <i>N</i> =",
    min: 2,
    max: 16,
    oninput: (value) => save(model, { pairs: value }),
  });
  const tau = slider({
    label: "temperature τ =",
    min: 0,
    max: TAU.positions,
    format: () => TAU.text(model.get("tau")),
    oninput: (position) => save(model, { tau: TAU.at(position) }),
  });
  const space = choice({
    label: "points on the",
    options: [
      ["circle", "circle"],
      ["sphere", "sphere"],
    ],
    onchange: (value) => save(model, { space: value }),
  });
  const negatives = choice({
    label: "negatives",
    options: [
      ["on", "on"],
      ["off", "off"],
    ],
    onchange: (value) => save(model, { negatives: value === "on" }),
  });
  const start = button("Play", play, { class: "ssl-button ssl-main" });
  const element = h(
    "div",
    { class: "ssl-row" },
    space.element,
    negatives.element,
    pairs.element,
    tau.element,
    h("div", { class: "ssl-row ssl-acts" }, start, button("Step", step), button("Reset", reset)),
  );
  const update = (state) => {
    pairs.set(state.pairs);
    tau.set(TAU.of(state.tau));
    tau.input.disabled = !state.negatives;
    space.set(state.space);
    negatives.set(state.negatives ? "on" : "off");
    start.textContent = still ? `${AT_ONCE} steps` : state.playing ? "Pause" : "Play";
  };
  return { element, update };
}

/**
 * The points, each with its direction of descent. The canvas takes focus, and arrow keys or a drag
 * rotate it.
 */
function buildScene(turnBy, isSphere, others) {
  const canvas = h("canvas", {
    tabindex: 0,
    role: "img",
    class: "ssl-scene",
    onkeydown: keys({
      ArrowLeft: () => turnBy(-0.15, 0),
      ArrowRight: () => turnBy(0.15, 0),
      ArrowUp: () => turnBy(0, 0.15),
      ArrowDown: () => turnBy(0, -0.15),
      ...others,
    }),
  });
  /** @type {number[] | null} */
  let from = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    turnBy((event.clientX - from[0]) / 120, isSphere() ? (event.clientY - from[1]) / 120 : 0);
    from = [event.clientX, event.clientY];
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, () => {
      from = null;
    });
  const legend = h(
    "p",
    { class: "ssl-quiet" },
    rich(
      [
        "Joined dots: the two views of an image. Strokes: where the gradient pushes each. The",
        "encoder adds a vector for each view, a vector <i>b</i> for all, and new noise at each",
        "step; then it scales the sum to length 1. Drag or ← → rotate the picture, which changes",
        "no cosine. <kbd>s</kbd> steps, <kbd>r</kbd> resets.",
      ].join(" "),
    ),
  );
  const element = h("div", { class: "ssl-stage" }, canvas, legend);
  const update = (state, theme, dark) => {
    const side = Math.min(element.clientWidth, 360);
    drawScene(context2d(canvas, side, side), side, state, theme, dark);
    canvas.setAttribute(
      "aria-label",
      `${2 * state.pairs} points, the views of ${state.pairs} images, on the ${state.space}; ` +
        `alignment ${said3(state.alignment)}, uniformity ${said3(state.uniformity)}. ` +
        "Arrow keys rotate it, s steps, r resets.",
    );
  };
  return { element, update };
}

/**
 * Where a vector is drawn: x to the right, y up, depth towards the reader.
 * @param {number[]} vector
 * @param {{ yaw: number, pitch: number }} turn
 */
export function project(vector, { yaw, pitch }) {
  if (vector.length === 2) {
    const [x, y] = vector;
    return [x * Math.cos(yaw) - y * Math.sin(yaw), x * Math.sin(yaw) + y * Math.cos(yaw), 1];
  }
  const [x, y, z] = vector;
  const across = x * Math.cos(yaw) - z * Math.sin(yaw);
  const away = x * Math.sin(yaw) + z * Math.cos(yaw);
  return [
    across,
    y * Math.cos(pitch) - away * Math.sin(pitch),
    y * Math.sin(pitch) + away * Math.cos(pitch),
  ];
}

function drawScene(context, side, { world, grad, turn, pairs }, theme, dark) {
  const { z, dimension } = world;
  const radius = side / 2 - 34;
  const centre = side / 2;
  const at = (vector) => {
    const [x, y, depth] = project(vector, turn);
    return { x: centre + radius * x, y: centre - radius * y, depth };
  };
  const line = (points, style, width) => {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    points.forEach(({ x, y }, k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
  };
  context.strokeStyle = theme.edge;
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(centre, centre, radius, 0, 2 * Math.PI);
  context.stroke();
  if (dimension === 3) drawGrid(at, line, theme);
  const zero = new Float64Array(z.length / dimension).fill(1);
  const tangent = throughLength(grad, z, zero, dimension);
  const vector = (flat, i) => Array.from(flat.subarray(i * dimension, (i + 1) * dimension));
  const size = (v) => Math.hypot(...v);
  const longest = Math.max(
    1e-12,
    ...Array.from({ length: 2 * pairs }, (_, i) => size(vector(tangent, i))),
  );
  for (let image = 0; image < pairs; image++) {
    const hue = `hsl(${(360 * image) / pairs} 65% ${dark ? 65 : 40}%)`;
    const ends = [0, 1].map((view) => at(vector(z, 2 * image + view)));
    context.globalAlpha = dimension === 3 && ends[0].depth + ends[1].depth < 0 ? 0.35 : 1;
    line(ends, hue, 2);
    ends.forEach((end, view) => {
      const i = 2 * image + view;
      const push = vector(tangent, i);
      const unit = vector(z, i);
      const tip = at(unit.map((value, d) => value - (0.28 * push[d]) / longest));
      line([end, tip], theme.ink, 1.5);
      context.fillStyle = hue;
      context.beginPath();
      context.arc(end.x, end.y, 5.5, 0, 2 * Math.PI);
      context.fill();
    });
    context.globalAlpha = 1;
  }
}

/** Draw meridians and circles of latitude, so that the sphere looks like one. */
function drawGrid(at, line, theme) {
  const round = Array.from({ length: 49 }, (_, k) => (k * Math.PI) / 24);
  for (let k = 0; k < 6; k++) {
    const longitude = (k * Math.PI) / 6;
    line(
      round.map((a) =>
        at([Math.cos(a) * Math.cos(longitude), Math.sin(a), Math.cos(a) * Math.sin(longitude)]),
      ),
      theme.line,
      0.6,
    );
  }
  for (const latitude of [-1, -0.5, 0, 0.5, 1])
    line(
      round.map((a) =>
        at([
          Math.cos(latitude) * Math.cos(a),
          Math.sin(latitude),
          Math.cos(latitude) * Math.sin(a),
        ]),
      ),
      theme.line,
      0.6,
    );
}

/** Loss, alignment and uniformity as numbers; the last two also as curves over the steps. */
function buildRecord() {
  const words = {
    steps: "steps",
    loss: "loss ℒ",
    alignment: "alignment, ‖<i>z</i> − <i>z</i>′‖² of pairs",
    uniformity: "uniformity",
    even: "uniformity of an even spread",
  };
  const values = Object.fromEntries(
    Object.keys(words).map((name) => [name, h("dd", { "data-value": name })]),
  );
  const charts = ["alignment", "uniformity"].map((name) => ({
    name,
    canvas: h("canvas", { "aria-hidden": "true" }),
  }));
  const element = h(
    "div",
    { class: "ssl-record" },
    h(
      "dl",
      {},
      ...Object.entries(words).flatMap(([name, text]) => [h("dt", {}, rich(text)), values[name]]),
    ),
    ...charts.map(({ canvas }) => canvas),
    h(
      "p",
      { class: "ssl-quiet" },
      "Both by step; lower is better. Dashed: infinitely many points, spread evenly; a few " +
        "points can be below it, because no point is compared with itself.",
    ),
  );
  const update = ({ world, loss, alignment, uniformity, history }, theme) => {
    const even = evenlySpread(world.dimension);
    const numbers = { loss, alignment, uniformity, even };
    values.steps.textContent = world.steps;
    for (const [name, value] of Object.entries(numbers)) values[name].textContent = said3(value);
    const lowest = Math.min(even - 0.4, ...history.map((point) => point[1]));
    charts.forEach(({ name, canvas }, k) =>
      drawChart(
        canvas,
        Math.min(element.clientWidth, 340),
        {
          name,
          points: history.map((point) => point[k]),
          range: k ? [lowest, 0] : [0, Math.max(0.5, ...history.map((point) => point[0]))],
          dashed: k ? even : null,
          color: k ? theme.cold : theme.warm,
        },
        theme,
      ),
    );
  };
  return { element, update };
}

function drawChart(canvas, width, { name, points, range: [low, high], dashed, color }, theme) {
  const tall = 96;
  const left = 40;
  const context = context2d(canvas, width, tall);
  const x = (k) => left + ((width - left - 6) * k) / Math.max(60, points.length - 1);
  const y = (value) => 18 + ((tall - 26) * (high - value)) / (high - low);
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = theme.quiet;
  context.textAlign = "left";
  context.fillText(name, left, 11);
  context.textAlign = "right";
  context.fillText(fixed(high, 2), left - 5, y(high) + 4);
  context.fillText(fixed(low, 2), left - 5, y(low) + 4);
  const stroke = (style, dash, width_, draw) => {
    context.strokeStyle = style;
    context.setLineDash(dash);
    context.lineWidth = width_;
    context.beginPath();
    draw();
    context.stroke();
  };
  stroke(theme.line, [], 1, () => {
    context.moveTo(left, y(high));
    context.lineTo(left, y(low));
    context.lineTo(width - 6, y(low));
  });
  if (dashed !== null)
    stroke(theme.quiet, [5, 4], 1.5, () => {
      context.moveTo(left, y(dashed));
      context.lineTo(width - 6, y(dashed));
    });
  stroke(color, [], 2, () =>
    points.forEach((value, k) =>
      k ? context.lineTo(x(k), y(value)) : context.moveTo(x(k), y(value)),
    ),
  );
  if (points.length === 1) {
    context.fillStyle = color;
    context.fillRect(x(0) - 2, y(points[0]) - 2, 4, 4);
  }
  context.setLineDash([]);
}

export default { render };
