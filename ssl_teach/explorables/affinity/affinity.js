// The affinity matrix of SimCLR. The mathematics is in nt_xent.js; views of the reader's own image
// are made by augmentation.js and encoded by convnet.js.

/** @import { Recipe } from "../shared/types.js" */

import { forward, weightsOf } from "../nn/convnet.js";
import {
  arrangement,
  cosineMatrix,
  gradient,
  ntXent,
  partner,
  reorder,
  rowSoftmax,
} from "../nn/nt_xent.js";
import { applyView, drawView, MOST_DRAWS, recipeOf } from "../shared/augmentation.js";
import { bitmap, context2d } from "../shared/canvas.js";
import { colour, css, mix } from "../shared/colours.js";
import { choice, fixed, logScale, slider } from "../shared/controls.js";
import { button, freshId, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { bitmapOf, imageOf, rgbAt } from "../shared/images.js";
import { keys } from "../shared/keyboard.js";
import { allowed } from "../shared/link.js";
import { ownImage } from "../shared/own_image.js";
import { drawsOf } from "../shared/random.js";
import { bytesOf, decodeHalf, lazy, save } from "../shared/state.js";

const TAU = logScale(0.05, 2, 200, 3);

/** Algorithm 1 in eight steps: [title, description, what the square shows]. */
const STEPS = [
  [
    "Draw N images",
    "A minibatch of <i>N</i> images, without labels. They are shown along the edges, each (here " +
      "its first view) where its two views will be.",
    "nothing",
  ],
  [
    "Two views of each",
    "Two random transforms of each image give 2<i>N</i> views. We know which two belong " +
      "together: that label is free.",
    "nothing",
  ],
  [
    "Encode and project",
    "<i>h</i> = <i>f</i>(x̃), <i>z</i> = <i>g</i>(<i>h</i>). Each row of the square is now one " +
      "view's <i>z</i>, one column for each of its dimensions, scaled to length 1.",
    "vectors",
  ],
  [
    "Compare every pair",
    "s<sub>ij</sub> = z<sub>i</sub>ᵀz<sub>j</sub> / (‖z<sub>i</sub>‖ ‖z<sub>j</sub>‖), the " +
      "cosine of every pair. The matrix is symmetric, and the cosine of each view with itself is",
    "1. cosine",
  ],
  [
    "Leave out the diagonal",
    "A view compared with itself teaches nothing, so 1[k ≠ i] takes those 2<i>N</i> cells out of " +
      "every sum.",
    "masked",
  ],
  [
    "Divide by τ, softmax each row",
    "exp(s<sub>ij</sub>/τ) divided by its row's sum. Each row is now a guess with 2<i>N</i> − 1 " +
      "answers: which of the others is my other view?",
    "share",
  ],
  [
    "Pick the positive",
    "The framed cell of each row is the correct answer. Its loss is ℓ(i, j) = −log of that share.",
    "positives",
  ],
  [
    "Average the 2N rows",
    "One bar for each row's ℓ. ℒ is their mean, the solid line; chance is log(2<i>N</i> − 1), " +
      "the dashed one. Its gradient moves <i>f</i> and <i>g</i>.",
    "losses",
  ],
];

const NOTICE = [
  "Training should make the other view the most orange cell of each row: compare in how many",
  "rows it is, before and after.",
  "Lower τ, and the negatives' share concentrates on the few that are most similar to the row.",
  "Switch the order: the positives move, but ℒ does not change.",
].join(" ");

const significant = (value) =>
  (Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential(1) : value.toFixed(4)).replaceAll(
    "-",
    "−",
  );

/**
 * The role of a cell: "itself", "positive" or "negative".
 * @param {number} i
 * @param {number} j
 * @param {number} n
 * @param {string} order
 */
export function roleOf(i, j, n, order) {
  return i === j ? "itself" : partner(i, n, order) === j ? "positive" : "negative";
}

/**
 * Unpack what Python sent: cosine matrix and unit vectors of each encoder, a thumbnail per view.
 */
function unpack(model) {
  const [views, height, width, channels] = model.get("shape");
  const dimension = model.get("dimension");
  const layers = model.get("layers");
  const pixels = lazy(() => bytesOf(model, "thumbnails"));
  const thumbnails = lazy(() =>
    Array.from({ length: views }, (_, view) =>
      bitmap(width, height, (x, y) =>
        rgbAt(pixels(), ((view * height + y) * width + x) * channels, channels),
      ),
    ),
  );
  const encoder = (name) => {
    const bytes = bytesOf(model, name);
    if (!bytes.length) return null;
    const z = decodeHalf(bytes);
    const s = lazy(() => cosineMatrix(z, views, dimension));
    return {
      z,
      get s() {
        return s();
      },
    };
  };
  const data = {
    views,
    dimension,
    get thumbnails() {
      return thumbnails();
    },
    after: encoder("z_after"),
    before: encoder("z_before"),
    size: width,
    channels,
  };
  data.own = layers.length ? ownViews(model, data) : null;
  return data;
}

/**
 * Two views of an image, the same for the same seed.
 * @param {Float32Array} image
 * @param {number} channels
 * @param {number} size
 * @param {Recipe} recipe
 * @param {number} seed
 */
export function pairOf(image, channels, size, recipe, seed) {
  return [0, 1].map((k) =>
    applyView(image, channels, size, drawView(drawsOf(2 * seed + k), recipe, size)),
  );
}

/**
 * The reader's own image: two views of it take the place of the first image in the matrix.
 */
function ownViews(model, data) {
  const { views, dimension, after, size, channels } = data;
  const layers = model.get("layers");
  const weights = weightsOf(model, layers);
  const recipe = recipeOf(channels, model.get("recipe"));
  /** @type {Float32Array | null} */
  let image = null;
  /** @type {any} */
  let made = null;
  const at = (seed) => {
    if (!image || made?.seed === seed) return made;
    const pair = pairOf(image, channels, size, recipe, seed);
    const z = after.z.slice();
    pair.forEach((view, k) => z.set(unit(forward(layers, weights(), view, size)), k * dimension));
    const shown = pair.map((view) => bitmapOf(view, channels, size));
    made = {
      seed,
      z,
      s: cosineMatrix(z, views, dimension),
      thumbnails: [...shown, ...data.thumbnails.slice(2)],
    };
    return made;
  };
  const set = (bytes) => {
    image = bytes && imageOf(bytes, channels, size);
    made = null;
  };
  return { at, set, isThere: () => image !== null };
}

/** Scale a vector to length 1. */
function unit(z) {
  const length = Math.hypot(...z) || 1;
  return z.map((v) => v / length);
}

/** Compute everything that follows from the state: places of the views, s, shares, losses. */
function compute(model, data) {
  const n = Math.min(model.get("n"), data.views / 2);
  const order = model.get("order");
  const tau = model.get("tau");
  const trained = model.get("trained") || !data.before;
  const own = trained ? (data.own?.at(model.get("seed")) ?? null) : null;
  const encoder = trained ? (own ?? data.after) : data.before;
  const m = 2 * n;
  const places = arrangement(n, order);
  const s = reorder(encoder.s, data.views, places);
  const p = rowSoftmax(s, m, tau);
  const selected = model.get("selected").map((view) => Math.max(0, view) % m);
  return {
    n,
    m,
    order,
    tau,
    places,
    s,
    p,
    z: encoder.z,
    ...ntXent(s, m, tau, order),
    selected,
    trained,
    own,
    thumbnails: own?.thumbnails ?? data.thumbnails,
  };
}

function render({ model, el }) {
  const data = unpack(model);
  const live = liveRegion();
  /** @type {number[] | null} */
  let hovered = null;
  /** @type {any} */
  let state = null;
  let drawn = "";

  const box = frame(
    { model, el, name: "affinity", title: "The affinity matrix of SimCLR" },
    redraw,
    {
      n: [2, data.views / 2],
      tau: { least: 0.05, most: 2 },
      order: { of: ["pairs", "halves"] },
      trained: true,
      show: { of: ["cosine", "share"] },
      step: [0, STEPS.length],
      selected: { list: [0, data.views - 1], length: 2 },
      ...(data.own
        ? { seed: (text) => (data.own.isThere() ? undefined : allowed([0, MOST_DRAWS], text)) }
        : {}), // own views are in no link
    },
  );
  const controls = buildControls(model, data);
  const own = data.own ? buildOwn(model, data, box, live) : null;
  const figure = buildFigure();
  const panel = buildPanel();
  const walk = buildWalk(model, live);
  box.root.append(
    controls.element,
    ...(own ? [own.element] : []),
    h(
      "div",
      { class: "ssl-affinity" },
      figure.element,
      h("div", { class: "ssl-panel" }, walk.element, panel.element),
    ),
    notice(rich(NOTICE)),
    live.element,
  );

  function redraw() {
    const available = figure.element.clientWidth;
    if (!available) return; // not in the page yet; the resize observer will call again
    state = compute(model, data);
    state.step = model.get("step");
    state.mode = state.step
      ? STEPS[state.step - 1][2]
      : model.get("show") === "share"
        ? "share"
        : "masked";
    const cell = hovered?.every((k) => k < state.m)
      ? hovered
      : state.selected.map((view) => state.places.indexOf(view));
    const theme = Object.fromEntries(
      ["ink", "quiet", "paper", "line", "cold", "mid", "warm"].map((name) => [
        name,
        colour(box.root, `--ssl-${name}`),
      ]),
    );
    state.geometry = geometry(available, state.m);
    drawFigure(figure.canvas, state, cell, theme, data);
    figure.update(state, cell, theme);
    controls.update(state);
    own?.update(state);
    panel.update(state, cell);
    walk.update(state);
    const said = describe(state, cell);
    if (!hovered && drawn && drawn !== said) live.say(said);
    drawn = said;
  }

  // The pointer shows a cell, a press selects it, and the arrow keys move from the selected one.
  const cellAt = (event) => {
    const { left, top } = figure.canvas.getBoundingClientRect();
    const { edge, cell } = state.geometry;
    const j = Math.floor((event.clientX - left - edge) / cell);
    const i = Math.floor((event.clientY - top - edge) / cell);
    return i >= 0 && j >= 0 && i < state.m && j < state.m ? [i, j] : null;
  };
  const select = (i, j) => {
    hovered = null;
    save(model, { selected: [state.places[i], state.places[j]] });
    box.queue();
  };
  const move = (di, dj) => () => {
    const [i, j] = state.selected.map((view) => state.places.indexOf(view));
    const clamp = (k) => Math.min(state.m - 1, Math.max(0, k));
    select(clamp(i + di), clamp(j + dj));
  };
  const column = (target) => () => {
    const i = state.places.indexOf(state.selected[0]);
    select(i, target(i));
  };
  figure.grid.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    hovered = cellAt(event);
    box.queue();
  });
  figure.grid.addEventListener("pointerleave", () => {
    hovered = null;
    box.queue();
  });
  figure.grid.addEventListener("click", (event) => {
    const cell = cellAt(event);
    if (cell) select(...cell);
  });
  figure.grid.addEventListener(
    "keydown",
    keys({
      ArrowUp: move(-1, 0),
      ArrowDown: move(1, 0),
      ArrowLeft: move(0, -1),
      ArrowRight: move(0, 1),
      Home: column(() => 0),
      End: column(() => state.m - 1),
      p: column((i) => partner(i, state.n, state.order)),
    }),
  );
  box.root.addEventListener(
    "keydown",
    keys({
      n: () => walk.go(1),
      b: () => walk.go(-1),
      Escape: () => walk.leave(),
    }),
  );
  return box.end;
}

function buildControls(model, data) {
  const n = slider({
    label: "images <i>N</i> =",
    min: 2,
    max: data.views / 2,
    oninput: (value) => save(model, { n: value }),
  });
  const tau = slider({
    label: "temperature τ =",
    min: 0,
    max: TAU.positions,
    format: () => TAU.text(model.get("tau")),
    oninput: (position) => save(model, { tau: TAU.at(position) }),
  });
  const show = choice({
    label: "cells show",
    options: [
      ["cosine", "cosine s"],
      ["share", "softmax share"],
    ],
    onchange: (value) => save(model, { show: value, step: 0 }),
  });
  const order = choice({
    label: "order of the views",
    options: [
      ["pairs", "pairs (2k−1, 2k)"],
      ["halves", "halves (k, k+N)"],
    ],
    onchange: (value) => save(model, { order: value }),
  });
  const trained = choice({
    label: "encoder",
    options: [
      ["before", "before training"],
      ["after", "after training"],
    ],
    onchange: (value) => save(model, { trained: value === "after" }),
  });
  const parts = [n, tau, ...(data.before ? [trained] : []), order, show];
  const update = (state) => {
    n.set(state.n);
    tau.set(TAU.of(state.tau));
    order.set(state.order);
    show.set(["share", "positives"].includes(state.mode) ? "share" : "cosine");
    trained.set(model.get("trained") ? "after" : "before");
  };
  return { element: h("div", { class: "ssl-row" }, ...parts.map((part) => part.element)), update };
}

/** The control that puts the reader's own image in the place of the first image. */
function buildOwn(model, data, box, live) {
  const { own, size, channels } = data;
  const words = h("span", { class: "ssl-quiet" });
  const change = (bytes) => {
    own.set(bytes);
    save(model, { selected: [0, 1] });
    box.queue();
  };
  const picture = ownImage({ target: box.root, size, channels, onimage: change });
  const again = button("New views", () =>
    save(model, { seed: (model.get("seed") + 1) % (MOST_DRAWS + 1) }),
  );
  const out = button("Remove it", () => {
    change(null);
    picture.input.focus();
  });
  let said = "";
  const update = (state) => {
    const there = own.isThere();
    const label = picture.element.querySelector("label");
    picture.input.disabled = !state.trained;
    label?.setAttribute("aria-disabled", `${!state.trained}`);
    again.hidden = !state.own;
    out.hidden = !there;
    const text = !state.trained
      ? `${there ? "Your image is" : "An image of your own can be"} shown only after training: ` +
        "the page holds no untrained network."
      : there
        ? findingOf(state)
        : "It takes the place of the first image.";
    words.textContent = text;
    if (said && said !== text) live.say(text);
    said = text;
  };
  return {
    element: h("div", { class: "ssl-row ssl-affinity-own" }, picture.element, again, out, words),
    update,
  };
}

/** A sentence that says whether the two views of the reader's own image find each other. */
function findingOf({ s, m, n, order, places }) {
  const rows = [places.indexOf(0), places.indexOf(1)];
  const found = rows.filter((i) => {
    const positive = s[i * m + partner(i, n, order)];
    for (let k = 0; k < m; k++)
      if (k !== i && k !== partner(i, n, order) && s[i * m + k] >= positive) return false;
    return true;
  }).length;
  const finds = ["Neither finds", "One of them finds", "Each finds"][found];
  return (
    `Rows ${rows[0] + 1} and ${rows[1] + 1} are two views of your image. ` +
    `${finds} the other among ${m - 1} views.`
  );
}

/** The canvas, and above it the grid that takes focus and pointer, with the cell that is shown. */
function buildFigure() {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const id = freshId();
  const cell = h("div", { role: "gridcell", id, class: "ssl-cell" });
  const line = h("div", { role: "row" }, cell);
  const grid = h(
    "div",
    {
      class: "ssl-grid",
      role: "grid",
      tabindex: 0,
      "aria-activedescendant": id,
      "aria-label": "Affinity matrix. Arrow keys move between cells, p goes to the row's positive.",
    },
    line,
  );
  const low = h("span");
  const middle = h("span");
  const high = h("span");
  const bar = h("div", { class: "ssl-bar" });
  const legend = h("div", { class: "ssl-legend" }, bar, h("div", {}, low, middle, high));
  const caption = h("p", { class: "ssl-quiet ssl-caption" });
  const element = h(
    "div",
    { class: "ssl-figure" },
    h("div", { class: "ssl-stage" }, canvas, grid),
    legend,
    caption,
  );
  const update = (state, [i, j], theme) => {
    const { edge, side, cell: size } = state.geometry;
    Object.assign(grid.style, {
      inset: `0 auto auto 0`,
      width: `${edge + side}px`,
      height: `${edge + side}px`,
    });
    Object.assign(cell.style, {
      left: `${edge + j * size}px`,
      top: `${edge + i * size}px`,
      width: `${size}px`,
      height: `${size}px`,
    });
    cell.classList.toggle(
      "ssl-cell-unmarked",
      ["nothing", "vectors", "losses"].includes(state.mode),
    );
    grid.setAttribute("aria-rowcount", state.m);
    grid.setAttribute("aria-colcount", state.m);
    line.setAttribute("aria-rowindex", i + 1);
    cell.setAttribute("aria-colindex", j + 1);
    cell.setAttribute(
      "aria-label",
      state.step && state.step < 4 ? "not compared yet" : describe(state, [i, j]),
    );
    const share = ["share", "positives"].includes(state.mode);
    legend.style.visibility = ["nothing", "losses"].includes(state.mode) ? "hidden" : "visible";
    const colours = [...(share ? [] : [theme.cold]), theme.mid, theme.warm];
    bar.style.background = `linear-gradient(to right, ${colours.map(css)})`;
    [low.textContent, middle.textContent, high.textContent] = share
      ? ["share 0", "0.25", "1"]
      : state.mode === "vectors"
        ? ["negative", "0", "positive"]
        : ["cosine −1", "0", "1"];
    caption.textContent =
      {
        nothing: "The square is empty: nothing has been compared.",
        vectors: "Rows: views. Columns: dimensions of z.",
        losses: "Bars: ℓ of each row. Solid: their mean ℒ. Dashed: chance.",
      }[state.mode] ??
      (state.step && state.step < 6 ? "" : `Bars: the shares of row ${i + 1}. `) +
        (state.mode === "cosine" ? "" : "Frames: positives. ") +
        "Arrow keys move, p finds the positive.";
  };
  return { element, canvas, grid, update };
}

function buildPanel() {
  const pictures = ["row", "column"].map(() =>
    h("canvas", { class: "ssl-view", "aria-hidden": "true" }),
  );
  const names = pictures.map(() => h("figcaption"));
  const known = {
    role: 2,
    cosine: 4,
    share: 6,
    loss: 7,
    mean: 8,
    chance: 8,
    accuracy: 8,
    gradient: 8,
  }; // from which step on
  const line = (key) => ({ key, term: h("dt"), value: h("dd", { "data-value": key }) });
  const rows = ["cosine", "role", "share", "loss", "gradient"].map(line);
  const totals = ["mean", "chance", "accuracy"].map(line);
  const words = {
    mean: "loss ℒ, mean of 2<i>N</i> rows",
    chance: "chance, log(2<i>N</i> − 1)",
    accuracy: "rows whose positive is the largest",
  };
  const note = h("p", { class: "ssl-quiet" });
  const element = h(
    "div",
    {},
    h(
      "div",
      { class: "ssl-pair" },
      ...pictures.map((canvas, k) => h("figure", {}, canvas, names[k])),
    ),
    h("dl", { class: "ssl-numbers" }, ...rows.flatMap(({ term, value }) => [term, value])),
    h(
      "dl",
      { class: "ssl-numbers ssl-totals" },
      ...totals.flatMap(({ term, value }) => [term, value]),
    ),
    note,
  );
  const update = (state, [i, j]) => {
    const facts = cellFacts(state, i, j);
    const { n, m, order, tau } = state;
    [i, j].forEach((place, k) => {
      const view = state.places[place];
      const context = context2d(pictures[k], 92, 92);
      context.imageSmoothingQuality = "high";
      context.drawImage(state.thumbnails[view], 0, 0, 92, 92);
      names[k].replaceChildren(
        rich(`${k ? "column" : "row"} ${place + 1}${state.own && view < 2 ? ", yours" : ""}`),
      );
    });
    const terms = {
      cosine: `cosine s<sub>${i + 1},${j + 1}</sub>`,
      role: "role",
      share: `share of row ${i + 1}'s softmax`,
      loss: `row's loss ℓ(${i + 1}, ${partner(i, n, order) + 1})`,
      gradient: `∂ℒ/∂s<sub>${i + 1},${j + 1}</sub>`,
    };
    for (const { key, term, value } of rows) {
      term.replaceChildren(rich(terms[key]));
      value.textContent = facts[key];
    }
    rows[1].value.className = `ssl-role-${facts.role}`;
    const step = state.step || STEPS.length;
    for (const { key, term, value } of [...rows, ...totals])
      for (const element of [term, value])
        element.classList.toggle("ssl-covered", step < known[key]);
    note.classList.toggle("ssl-covered", step < known.gradient);
    const values = {
      mean: fixed(state.mean),
      chance: fixed(Math.log(m - 1)),
      accuracy: `${Math.round(100 * state.accuracy)}%`,
    };
    for (const { key, term, value } of totals) {
      term.replaceChildren(rich(words[key]));
      value.textContent = values[key];
    }
    const name = order === "pairs" ? "Pairs" : "Halves";
    const place = order === "pairs" ? "next to the diagonal" : `${n} places away`;
    note.replaceChildren(
      rich(
        [
          `${name}: the positive of row i is ${place}. The other order gives the same ℒ.`,
          "Gradient: (share − 1[positive]) / (2<i>N</i>τ), this cell taken as free,",
          `2<i>N</i>τ = ${+(m * tau).toPrecision(3)}.`,
        ].join(" "),
      ),
    );
  };
  return { element, update };
}

/** The numbers of one cell, as the panel shows them. */
function cellFacts({ s, p, losses, m, n, order, tau }, i, j) {
  const role = roleOf(i, j, n, order);
  const share = p[i * m + j];
  const slope = gradient(share, role === "positive", m, tau);
  return {
    role,
    cosine: fixed(s[i * m + j]),
    loss: fixed(losses[i]),
    share: role === "itself" ? "none: left out" : fixed(share),
    gradient:
      role === "itself"
        ? "0: not in the loss"
        : `${significant(slope)} (pulls ${slope < 0 ? "up" : "down"})`,
  };
}

function describe(state, [i, j]) {
  const facts = cellFacts(state, i, j);
  return (
    `Row ${i + 1}, column ${j + 1}: ${facts.role}, cosine ${facts.cosine}, ` +
    `share ${facts.share}, row's loss ${facts.loss}, gradient ${facts.gradient}.`
  );
}

function buildWalk(model, live) {
  const title = h("b");
  const words = h("span");
  const text = h("p", {}, title, " ", words);
  const go = (by) => {
    const step = Math.min(STEPS.length, Math.max(0, model.get("step") + by));
    save(model, { step });
    if (step)
      live.say(`Step ${step}: ${STEPS[step - 1][0]}. ${rich(STEPS[step - 1][1]).textContent}`);
  };
  const leave = () => {
    save(model, { step: 0 });
    if (document.activeElement === out) next.focus(); // the pressed button disappears
  };
  const back = button("Back", () => go(-1), { "aria-keyshortcuts": "b" });
  const next = button("Next", () => go(1), {
    class: "ssl-button ssl-main",
    "aria-keyshortcuts": "n",
  });
  const out = button("Exit step-by-step", leave, { "aria-keyshortcuts": "Escape" });
  const element = h(
    "div",
    { class: "ssl-walk", role: "group", "aria-label": "Algorithm 1, step by step" },
    text,
    h(
      "div",
      { class: "ssl-row" },
      back,
      next,
      out,
      h("span", { class: "ssl-quiet" }, rich("keys <kbd>b</kbd> <kbd>n</kbd>")),
    ),
  );
  const update = ({ step }) => {
    title.textContent = step
      ? `${step} of 8. ${STEPS[step - 1][0]}.`
      : "Algorithm 1, step by step.";
    words.replaceChildren(
      rich(step ? STEPS[step - 1][1] : "From N images to one number, on this very batch."),
    );
    next.replaceChildren(step ? "Next" : "Start");
    // with the real attribute it would swallow the keys
    back.setAttribute("aria-disabled", `${step === 0}`);
    next.setAttribute("aria-disabled", `${step === STEPS.length}`);
    out.hidden = step === 0;
  };
  return { element, update, go, leave };
}

/**
 * Sizes in CSS pixels: the edge for the thumbnails, the square, and the strip of shares below it.
 */
function geometry(available, m) {
  const edge = 30;
  const width = Math.min(available, 560);
  const cell = (width - edge) / m;
  return { edge, side: cell * m, cell, width, height: width + 62 };
}

function drawFigure(canvas, state, cell, theme, data) {
  const { width, height } = state.geometry;
  const context = context2d(canvas, width, height);
  drawEdges(context, state, cell, theme);
  if (state.mode === "losses") drawLosses(context, state, theme);
  else if (state.mode !== "nothing") drawSquare(context, state, theme, data.dimension);
  if (!["nothing", "vectors", "losses"].includes(state.mode)) {
    if (state.mode !== "cosine") framePositives(context, state, theme);
    if (!state.step || state.step >= 6) drawStrip(context, state, cell, theme);
  }
}

/**
 * Thumbnails along both edges. If they are too small, those of the shown row and column are
 * enlarged.
 */
function drawEdges(
  context,
  { m, n, step, mode, places, thumbnails, geometry: { edge, cell, side } },
  [i, j],
  theme,
) {
  const size = Math.min(cell, edge - 4);
  const at = edge - 3 - size;
  const inset = Math.min(1, cell / 8);
  for (let k = 0; k < m; k++) {
    const along = edge + k * cell + (cell - size) / 2 + inset;
    const picture = thumbnails[step === 1 ? places[k] & ~1 : places[k]];
    context.drawImage(picture, at, along, size - 2 * inset, size - 2 * inset);
    context.drawImage(picture, along, at, size - 2 * inset, size - 2 * inset);
  }
  context.lineWidth = 2;
  context.strokeStyle = css(theme.warm);
  if (step === 1 || step === 2) {
    // which views belong together
    const groups =
      places[1] === 1
        ? [...Array(n).keys()].map((k) => [2 * k, 2])
        : [...Array(m).keys()].map((k) => [k, 1]);
    for (const [from, count] of groups) {
      context.strokeRect(at - 2, edge + from * cell + 1, size + 3, count * cell - 2);
      context.strokeRect(edge + from * cell + 1, at - 2, count * cell - 2, size + 3);
    }
  }
  if (mode === "nothing") {
    context.setLineDash([4, 4]);
    context.lineWidth = 1;
    context.strokeStyle = css(theme.quiet);
    context.strokeRect(edge + 0.5, edge + 0.5, side - 1, side - 1);
    context.setLineDash([]);
    return;
  }
  const lens = Math.max(size, 24);
  const shown =
    mode === "vectors" || mode === "losses"
      ? [[i, true]]
      : [
          [i, true],
          [j, false],
        ];
  for (const [k, vertical] of shown) {
    const along = Math.min(edge + side - lens, Math.max(edge, edge + (k + 0.5) * cell - lens / 2));
    const across = edge - 3 - lens;
    const [x, y] = vertical ? [across, along] : [along, across];
    context.drawImage(thumbnails[places[k]], x, y, lens, lens);
    context.strokeStyle = css(theme.ink);
    context.strokeRect(x, y, lens, lens);
  }
}

/** The square as one bitmap, a pixel for each cell, enlarged without smoothing. */
function drawSquare(
  context,
  { s, p, z, m, mode, places, geometry: { edge, side, cell } },
  theme,
  dimension,
) {
  const { cold, mid, warm, paper } = theme;
  const diverging = (v) =>
    v < 0 ? mix(mid, cold, Math.min(1, -v)) : mix(mid, warm, Math.min(1, v));
  const share = mode === "share" || mode === "positives";
  const longest = 3 / Math.sqrt(dimension);
  const picture =
    mode === "vectors"
      ? bitmap(dimension, m, (d, i) => diverging(z[places[i] * dimension + d] / longest))
      : bitmap(m, m, (j, i) => {
          if (i === j && mode !== "cosine") return paper;
          return share ? mix(mid, warm, Math.sqrt(p[i * m + j])) : diverging(s[i * m + j]);
        });
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, edge, edge, side, side);
  context.imageSmoothingEnabled = true;
  if (mode === "cosine" || mode === "vectors") return;
  context.strokeStyle = css(theme.quiet);
  context.lineWidth = 1;
  context.beginPath();
  for (let k = 0; k < m; k++) {
    // strike the diagonal out
    context.moveTo(edge + k * cell, edge + k * cell);
    context.lineTo(edge + (k + 1) * cell, edge + (k + 1) * cell);
  }
  context.stroke();
}

function framePositives(context, { m, n, order, mode, geometry: { edge, side, cell } }, theme) {
  if (mode === "positives") {
    // fade everything else
    context.fillStyle = css(theme.paper).replace(")", " / 0.55)");
    for (let i = 0; i < m; i++) {
      const j = partner(i, n, order);
      const y = edge + i * cell;
      context.fillRect(edge, y, j * cell, cell);
      context.fillRect(edge + (j + 1) * cell, y, side - (j + 1) * cell, cell);
    }
  }
  context.strokeStyle = css(theme.ink);
  context.lineWidth = cell > 12 ? 1.5 : 0.75;
  for (let i = 0; i < m; i++) {
    const inset = context.lineWidth / 2;
    context.strokeRect(
      edge + partner(i, n, order) * cell + inset,
      edge + i * cell + inset,
      cell - 2 * inset,
      cell - 2 * inset,
    );
  }
}

/** The shares of the shown row as bars below its columns, scaled to the largest. */
function drawStrip(context, { p, m, n, order, geometry: { edge, side, cell } }, [i], theme) {
  const top = edge + side + 8;
  const tall = 40;
  const row = p.subarray(i * m, (i + 1) * m);
  const largest = Math.max(...row);
  for (let j = 0; j < m; j++) {
    const height = (tall * row[j]) / largest;
    context.fillStyle = css(roleOf(i, j, n, order) === "positive" ? theme.warm : theme.quiet);
    context.fillRect(edge + j * cell + cell * 0.12, top + tall - height, cell * 0.76, height);
  }
  context.fillStyle = css(theme.line);
  context.fillRect(edge, top + tall, side, 1);
  context.fillStyle = css(theme.quiet);
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillText(largest.toFixed(2), edge - 3, top + 9);
  context.fillText("0", edge - 3, top + tall);
}

function drawLosses(context, { losses, mean, m, geometry: { edge, side, cell } }, theme) {
  const chance = Math.log(m - 1);
  const scale = side / (1.08 * Math.max(chance, ...losses));
  context.fillStyle = css(theme.warm);
  losses.forEach((loss, i) =>
    context.fillRect(edge, edge + i * cell + cell * 0.15, loss * scale, cell * 0.7),
  );
  context.strokeStyle = css(theme.ink);
  context.fillStyle = css(theme.ink);
  context.font = "12px system-ui, sans-serif";
  context.lineWidth = 2;
  for (const [value, dash, text] of [
    [mean, [], `ℒ = ${mean.toFixed(3)}`],
    [chance, [5, 4], `chance ${chance.toFixed(3)}`],
  ]) {
    const x = edge + value * scale;
    const left = x > edge + side - 90;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, edge);
    context.lineTo(x, edge + side);
    context.stroke();
    context.textAlign = left ? "right" : "left";
    context.fillText(text, x + (left ? -4 : 4), edge + side + (dash.length ? 30 : 15));
  }
  context.setLineDash([]);
}

export default { render };
