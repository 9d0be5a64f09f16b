// A map of images by a representation, with the nearest neighbours. Places are flat, x and y of one
// image after the other: x to the right, y down, both in [0, 1].

/** @import { Numbers } from "../shared/types.js" */

import { context2d, contextOf } from "../shared/canvas.js";
import { colour, css } from "../shared/colours.js";
import { choice } from "../shared/controls.js";
import { freshId, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { keys } from "../shared/keyboard.js";
import { bytesOf, decodeHalf, save } from "../shared/state.js";

const MOVING = 600; // milliseconds from one layout to the next

const NOTICE = [
  "The better a representation separates the classes, the more of an image’s neighbours are of",
  "its own class.",
  "Neighbours are found in all dimensions of the representation, and the map has only two.",
  "So a neighbour can be far away on the map.",
].join(" ");

/**
 * The number of each image's k neighbours that have its label.
 * @param {number[]} labels (n)
 * @param {Uint16Array} neighbours (n·k)
 */
export function sameKind(labels, neighbours) {
  const k = neighbours.length / labels.length;
  return labels.map((label, i) =>
    neighbours
      .subarray(i * k, (i + 1) * k)
      .reduce((sum, j) => sum + (labels[j] === label ? 1 : 0), 0),
  );
}

/**
 * The fraction of all neighbours of all images that have the label of their image, in [0, 1].
 * @param {number[]} labels
 * @param {Uint16Array} neighbours
 */
export function shareOf(labels, neighbours) {
  return sameKind(labels, neighbours).reduce((sum, count) => sum + count, 0) / neighbours.length;
}

/**
 * The expected fraction if neighbours were drawn at random from the other images.
 * @param {number[]} labels
 */
export function chanceOf(labels) {
  const sizes = {};
  for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1;
  return (
    labels.reduce((sum, label) => sum + (sizes[label] - 1) / (labels.length - 1), 0) / labels.length
  );
}

/**
 * The image that an arrow key leads to from another: the nearest in the direction (dx, dy), where a
 * place off to the side counts as farther, d²/along. If there is none in that direction, the
 * farthest in the opposite direction.
 * @param {Numbers} places
 * @param {number} from
 * @param {number} dx
 * @param {number} dy
 */
export function towards(places, from, dx, dy) {
  let best = -1;
  let least = Infinity;
  let last = -1;
  let behind = Infinity;
  for (let i = 0; 2 * i < places.length; i++) {
    if (i === from) continue;
    const x = places[2 * i] - places[2 * from];
    const y = places[2 * i + 1] - places[2 * from + 1];
    const along = x * dx + y * dy;
    const cost = (x * x + y * y) / along;
    if (along > 1e-9 && cost < least) [best, least] = [i, cost];
    if (along < behind) [last, behind] = [i, along];
  }
  return best >= 0 ? best : last;
}

/**
 * The image nearest to a point, or -1 if none is within reach.
 * @param {Numbers} places
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 */
export function nearestTo(places, x, y, reach) {
  let best = -1;
  let least = reach * reach;
  for (let i = 0; 2 * i < places.length; i++) {
    const far = (places[2 * i] - x) ** 2 + (places[2 * i + 1] - y) ** 2;
    if (far <= least) [best, least] = [i, far];
  }
  return best;
}

/**
 * Places on the way from one layout to another, slow at both ends; t from 0 to 1.
 * @param {Float32Array} from
 * @param {Float32Array} to
 * @param {number} t
 */
export function between(from, to, t) {
  const way = t * t * (3 - 2 * t);
  return to.map((value, at) => from[at] + (value - from[at]) * way);
}

/**
 * Unpack the places and neighbours of each representation. The sheet of images comes later.
 */
function unpackMap(model) {
  const [n, height, width] = model.get("shape");
  const names = model.get("representations");
  const labels = model.get("labels");
  const flat = decodeHalf(bytesOf(model, "positions")).map(
    (value, at) => (at % 2 ? 1 - value : 1 + value) / 2,
  );
  const bytes = bytesOf(model, "neighbours");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const indices = Uint16Array.from({ length: bytes.length / 2 }, (_, at) =>
    view.getUint16(2 * at, true),
  );
  const each = indices.length / names.length;
  const k = each / n;
  const layouts = names.map((name, r) => {
    const neighbours = indices.subarray(r * each, (r + 1) * each);
    return {
      name,
      places: flat.subarray(2 * n * r, 2 * n * (r + 1)),
      neighbours,
      same: sameKind(labels, neighbours),
      share: shareOf(labels, neighbours),
    };
  });
  return {
    n,
    k,
    height,
    width,
    labels,
    layouts,
    sheet: /** @type {ImageBitmap | null} */ (null),
    columns: model.get("columns"),
    classes: model.get("classes"),
    chance: chanceOf(labels),
  };
}

/**
 * Draw an image of the sheet, `side` long, with its centre at (x, y), or a frame until the sheet is
 * decoded. Returns half of its width and height.
 */
function stamp(context, { sheet, columns, width, height }, i, x, y, side) {
  const scale = side / Math.max(width, height);
  const w = width * scale;
  const t = height * scale;
  if (!sheet) context.strokeRect(x - w / 2, y - t / 2, w, t);
  else
    context.drawImage(
      sheet,
      (i % columns) * width,
      Math.floor(i / columns) * height,
      width,
      height,
      x - w / 2,
      y - t / 2,
      w,
      t,
    );
  return [w / 2, t / 2];
}

function render({ model, el }) {
  const data = unpackMap(model);
  const live = liveRegion();
  const box = frame({ model, el, name: "embedding_map", title: "Map of images" }, redraw, {
    selected: [0, data.n - 1],
    shown: { of: data.layouts.map(({ name }) => name) },
    highlighted: { of: ["", ...data.classes] },
  });
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  /** @type {any} */
  let places = null;
  /** @type {any} */
  let from = null;
  let since = 0;
  /** @type {any} */
  let layout = null;
  let hovered = -1;
  let told = "";
  let said = "";

  const select = (i) => save(model, { selected: i });
  const move = (dx, dy) => () => select(towards(layout.places, chosen(), dx, dy));
  const step = (by) => () => select((chosen() + by + data.n) % data.n);
  const chosen = () => Math.max(0, model.get("selected")) % data.n;
  const map = buildMap(data, {
    select,
    hover: (i) => {
      if (hovered !== i) {
        hovered = i;
        box.queue();
      }
    },
    keys: {
      ArrowLeft: move(-1, 0),
      ArrowRight: move(1, 0),
      ArrowUp: move(0, -1),
      ArrowDown: move(0, 1),
      Home: () => select(0),
      End: () => select(data.n - 1),
      n: step(1),
      p: step(-1),
    },
  });
  const controls = buildMapControls(model, data);
  const panel = buildNeighbours(data, select);
  box.root.append(
    controls.element,
    h("div", { class: "ssl-embedding" }, map.element, panel.element),
    notice(rich(NOTICE)),
    live.element,
  );

  function redraw() {
    const wanted = data.layouts.find(({ name }) => name === model.get("shown")) ?? data.layouts[0];
    if (wanted !== layout)
      [from, since, layout] = [still.matches ? null : places, performance.now(), wanted];
    const t = from ? Math.min(1, (performance.now() - since) / MOVING) : 1;
    places = t < 1 ? between(from, layout.places, t) : layout.places;
    if (t < 1) box.queue();
    const highlighted = data.classes.indexOf(model.get("highlighted"));
    const state = {
      layout,
      places,
      highlighted,
      hovered,
      selected: chosen(),
      neighbours: layout.neighbours.subarray(chosen() * data.k, (chosen() + 1) * data.k),
    };
    map.draw(
      state,
      Object.fromEntries(
        ["ink", "quiet", "paper", "line", "cold", "warm"].map((name) => [
          name,
          css(colour(box.root, `--ssl-${name}`)),
        ]),
      ),
    );
    const words =
      `${layout.name}, image ${state.selected + 1} of ${data.n}. ${sentence(data, state)}` +
      (highlighted < 0 ? "" : ` Highlighted: ${data.classes[highlighted]}.`);
    if (words === told) return; // only the places moved
    told = words;
    controls.update(layout.name, highlighted);
    panel.update(state);
    if (said && said !== words) live.say(words);
    said = words;
  }
  let ended = false;
  createImageBitmap(new Blob([bytesOf(model, "pictures")], { type: "image/png" })).then((sheet) => {
    if (ended) return sheet.close();
    data.sheet = sheet;
    told = ""; // the panel is drawn again too, with images
    box.queue();
  });
  return () => {
    ended = true;
    box.end();
    data.sheet?.close();
  };
}

const perCent = (share) => `${(100 * share).toFixed(1)}%`;

/** A sentence about the neighbours of the selected image, and of all images. */
function sentence({ n, k, labels, classes, chance }, { layout, selected }) {
  const count = layout.same[selected];
  return (
    `${classes[labels[selected]]}: ${count} of its ${k} nearest ${count === 1 ? "has" : "have"} ` +
    "the same class; " +
    `over all ${n} images ${perCent(layout.share)}, by chance ${perCent(chance)}.`
  );
}

function buildMapControls(model, { layouts, classes }) {
  const shown = choice({
    label: "representation",
    options: layouts.map(({ name }) => [name, name]),
    onchange: (name) => save(model, { shown: name }),
  });
  const id = freshId();
  const select = h(
    "select",
    { id, onchange: () => save(model, { highlighted: select.value }) },
    h("option", { value: "" }, "none"),
    ...classes.map((name) => h("option", { value: name }, name)),
  );
  const element = h(
    "div",
    { class: "ssl-row" },
    shown.element,
    h("div", { class: "ssl-control" }, h("label", { for: id }, "highlight a class"), select),
  );
  const update = (name, highlighted) => {
    shown.set(name);
    select.value = highlighted < 0 ? "" : classes[highlighted];
  };
  return { element, update };
}

/**
 * The map: a canvas that takes focus, handles keys, and finds the image under the pointer.
 */
function buildMap(data, { select, hover, keys: actions }) {
  const canvas = h("canvas", {
    tabindex: 0,
    role: "application",
    "aria-label":
      "Map of images: arrow keys move to the nearest image in that direction, Home and End to " +
      "the first and last, n and p to the next and previous",
    onkeydown: keys(actions),
  });
  const legend = h(
    "p",
    { class: "ssl-quiet" },
    rich(
      [
        "Click an image, or use the arrow keys; <kbd>n</kbd> and <kbd>p</kbd> go through all in",
        "order. Thick frame: the selected image. Lines lead to its neighbours, solid to those of",
        "the same class, dashed to those of another.",
      ].join(" "),
    ),
  );
  const element = h("div", { class: "ssl-map-stage" }, canvas, legend);
  let pixels = new Float32Array();
  let reach = 0;
  const under = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    return nearestTo(pixels, event.clientX - left, event.clientY - top, reach);
  };
  canvas.addEventListener("click", (event) => {
    const i = under(event);
    if (i >= 0) select(i);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") hover(under(event));
  });
  canvas.addEventListener("pointerleave", () => hover(-1));
  const draw = (state, theme) => {
    const side = element.clientWidth;
    if (!side) return; // not in the page yet; the resize observer will call again
    const small = Math.min(36, Math.max(11, (0.7 * side) / Math.sqrt(data.n)));
    const margin = small + 4;
    pixels = state.places.map((value) => margin + (side - 2 * margin) * value);
    reach = Math.max(16, small);
    canvas.style.cursor = state.hovered < 0 ? "default" : "pointer";
    drawMap(context2d(canvas, side, side), data, { ...state, pixels, small }, theme);
  };
  return { element, draw };
}

/** Draw all images small, then lines, the neighbours, and the selected image on top. */
function drawMap(
  context,
  data,
  { pixels, small, selected, neighbours, highlighted, hovered },
  theme,
) {
  const at = (i) => [pixels[2 * i], pixels[2 * i + 1]];
  const { labels } = data;
  const alike = (i) => labels[i] === labels[selected];
  const picture = (i, side, style, width, dash = []) => {
    context.imageSmoothingEnabled = side < Math.max(data.width, data.height);
    const [x, y] = at(i);
    const [w, t] = stamp(context, data, i, x, y, side);
    const border = (color, wide, out) => {
      context.strokeStyle = color;
      context.lineWidth = wide;
      context.strokeRect(x - w - out, y - t - out, 2 * (w + out), 2 * (t + out));
    };
    context.setLineDash([]);
    // so that the frame is visible on other images
    if (width > 1) border(theme.paper, width + 2, width / 2);
    context.setLineDash(dash);
    border(style, width, width / 2);
  };
  for (const lit of [false, true]) {
    context.globalAlpha = lit ? 1 : 0.13;
    for (let i = 0; i < data.n; i++)
      if ((highlighted < 0 || labels[i] === highlighted) === lit)
        picture(i, small, theme.line, 0.75);
  }
  const style = (i) => (alike(i) ? [theme.cold, 2.5] : [theme.ink, 2, [4, 3]]);
  for (const wide of [2, 0]) // a light edge first: the line must be visible on any image
    for (const i of neighbours) {
      const [color, width, dash = []] = style(i);
      context.setLineDash(wide ? [] : dash);
      context.strokeStyle = wide ? theme.paper : color;
      context.lineWidth = 0.7 * width + wide;
      context.beginPath();
      context.moveTo(...at(selected));
      context.lineTo(...at(i));
      context.stroke();
    }
  for (const i of [...neighbours].reverse()) picture(i, 1.35 * small, ...style(i));
  if (hovered >= 0 && hovered !== selected) picture(hovered, 1.8 * small, theme.quiet, 1.5);
  picture(selected, 1.8 * small, theme.warm, 4);
  context.setLineDash([]);
}

/** The selected image and its neighbours in order; each neighbour is a button that selects it. */
function buildNeighbours(data, select) {
  const picture = () =>
    h("canvas", { width: data.width, height: data.height, "aria-hidden": "true" });
  const show = (canvas, i) => {
    const context = contextOf(canvas);
    context.clearRect(0, 0, data.width, data.height);
    stamp(context, data, i, data.width / 2, data.height / 2, Math.max(data.width, data.height));
  };
  let current = [];
  const line = h("p", { "data-value": "sentence" });
  const own = picture();
  const name = h("figcaption");
  const parts = Array.from({ length: data.k }, (_, rank) => {
    const canvas = picture();
    const words = h("span");
    return {
      canvas,
      words,
      element: h(
        "button",
        { type: "button", class: "ssl-neighbour", onclick: () => select(current[rank]) },
        canvas,
        words,
      ),
    };
  });
  const element = h(
    "div",
    { class: "ssl-near-panel" },
    line,
    h("figure", { class: "ssl-selected" }, own, name),
    h(
      "p",
      { class: "ssl-quiet" },
      "Its neighbours, nearest first; ✓ marks the same class. Click one to go there.",
    ),
    h(
      "div",
      { class: "ssl-neighbours", role: "group", "aria-label": "Nearest neighbours" },
      ...parts.map((part) => part.element),
    ),
  );
  const update = (state) => {
    const { selected, neighbours } = state;
    current = Array.from(neighbours);
    line.textContent = sentence(data, state);
    show(own, selected);
    name.textContent = data.classes[data.labels[selected]];
    parts.forEach(({ canvas, words, element: button }, rank) => {
      const i = current[rank];
      const name = data.classes[data.labels[i]];
      const alike = data.labels[i] === data.labels[selected];
      show(canvas, i);
      words.textContent = `${name}${alike ? " ✓" : ""}`;
      button.classList.toggle("ssl-alike", alike);
      button.setAttribute(
        "aria-label",
        `neighbour ${rank + 1}: ${name}, ${alike ? "the same class" : "another class"}`,
      );
    });
  };
  return { element, update };
}

export default { render };
