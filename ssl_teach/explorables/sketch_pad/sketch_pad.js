// A pad to draw on; encoders show the sketches that they find most similar. The convolutions are in
// convnet.js. Drawings become images by the rules of the Python module, number for number:
// otherwise the encoders would see what they were never trained on.

/** @import { Numbers, Rule } from "../shared/types.js" */

import { encode, weightsOf } from "../nn/convnet.js";
import { context2d } from "../shared/canvas.js";
import { choice, fixed } from "../shared/controls.js";
import { button, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { bitmapOfBytes } from "../shared/images.js";
import { keys } from "../shared/keyboard.js";
import { bytesOf, save } from "../shared/state.js";

const NEAR = 6; // neighbours that each encoder shows
const PAUSE = 100; // milliseconds between two evaluations of a drawing that is growing
const STEP = 1 / 28; // of the pad: the step of an arrow key
const BOX = 255;
const TOLERANCE = 2;
const LEAST = 0.1;
const LEVELS = 15; // see the Python module

const NOTICE = [
  "The three encoders are one architecture with three sets of weights, and see the same image.",
  "Which of them finds drawings of the same <i>thing</i>?",
  "Rotate or mirror the drawing: which encoder’s six stay the same?",
  "Compare each cosine with the median of its own encoder: a cosine means little by itself.",
].join(" ");

/**
 * Unpack `count` pixels from bytes that hold two each, in 16 levels: 0…255.
 * @param {Uint8Array} bytes
 * @param {number} count
 */
export function unpackPictures(bytes, count) {
  return Uint8Array.from(
    { length: count },
    (_, i) => 17 * (i % 2 ? bytes[i >> 1] & 15 : bytes[i >> 1] >> 4),
  );
}

/** The squared distance of a point from the line between two others. */
/** @type {(point: number[], start: number[], end: number[]) => number} */
function squaredDistance([x, y], [x0, y0], [x1, y1]) {
  const dx = x1 - x0;
  const dy = y1 - y0;
  const px = x - x0;
  const py = y - y0;
  const length = dx * dx + dy * dy;
  const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
  return (px - along * dx) ** 2 + (py - along * dy) ** 2;
}

/**
 * A stroke with fewer points: none of those left out is further from it than the tolerance (Ramer,
 * 1972).
 * @param {number[][]} points
 * @param {number} [tolerance]
 * @returns {number[][]}
 */
export function simplified(points, tolerance = TOLERANCE) {
  if (points.length < 3) return points;
  const end = points.length - 1;
  let far = 0;
  let most = -1;
  for (let i = 0; i <= end; i++) {
    const distance = squaredDistance(points[i], points[0], points[end]);
    if (distance > most) [far, most] = [i, distance];
  }
  if (most <= tolerance ** 2) return [points[0], points[end]];
  return [
    ...simplified(points.slice(0, far + 1), tolerance).slice(0, -1),
    ...simplified(points.slice(far), tolerance),
  ];
}

/** Add the brightness of a line, one pixel wide, brighter at its ends (after Wu, 1991). */
/** @type {(picture: Float64Array, size: number, start: number[], end: number[]) => void} */
function addLine(picture, size, [x0, y0], [x1, y1]) {
  const steep = Math.abs(y1 - y0) > Math.abs(x1 - x0);
  const whole = (v) => Math.floor(v + 0.5);
  if (steep) [x0, y0, x1, y1] = [y0, x0, y1, x1];
  if (x0 > x1) [x0, y0, x1, y1] = [x1, y1, x0, y0];
  const slope = (y1 - y0) / (x1 - x0);
  const first = whole(x0);
  const last = whole(x1);
  const add = (along, across, weight) => {
    const place = Math.floor(Math.abs(across));
    const second = (across - Math.floor(across)) * weight;
    for (const [at, value] of [
      [place, 1 - second],
      [place + 1, second],
    ]) {
      const row = steep ? along : at;
      const column = steep ? at : along;
      if (row < size && column < size) picture[row * size + column] += value;
    }
  };
  let across = y0 + slope * (first - x0);
  add(first, across, 1 - (x0 + 0.5 - whole(x0)));
  add(last, y1 + slope * (last - x1), x1 + 0.5 - whole(x1));
  for (let along = first + 1; along < last; along++) {
    across += slope;
    add(along, across, 1);
  }
}

/**
 * Draw strokes as the library's sketches are drawn: (size, size) bytes, white on black.
 * @param {number[][][]} strokes lists of [x, y] in 0…1
 * @param {number} size
 * @param {boolean} fit
 */
export function drawStrokes(strokes, size, fit) {
  const flat = strokes.flat();
  const brightness = new Float64Array(size * size);
  const whole = (v) => Math.floor(v + 0.5);
  if (!flat.length) return new Uint8Array(size * size);
  const bound = (pick, axis) => flat.reduce((so, point) => pick(so, point[axis]), flat[0][axis]);
  const [left, top] = [0, 1].map((axis) => (fit ? bound(Math.min, axis) : 0));
  const [right, bottom] = [0, 1].map((axis) => (fit ? bound(Math.max, axis) : 1));
  const scale = BOX / Math.max(right - left, bottom - top, LEAST);
  for (const stroke of strokes) {
    const points = stroke.map(([x, y]) => [whole((x - left) * scale), whole((y - top) * scale)]);
    const corners = simplified(points).map(([x, y]) => [(x * size) / 256, (y * size) / 256]);
    /** @type {(a: number[], b: number[]) => boolean} */
    const same = ([x, y], [u, v]) => x === u && y === v;
    if (corners.length && corners.every((corner) => same(corner, corners[0]))) {
      const [column, row] = corners[0].map((v) => Math.min(whole(v), size - 1));
      brightness[row * size + column] += 1;
    }
    for (let i = 1; i < corners.length; i++)
      if (!same(corners[i - 1], corners[i])) addLine(brightness, size, corners[i - 1], corners[i]);
  }
  const grey = Uint8Array.from(brightness, (b) => 17 * whole(Math.min(b, 1) * LEVELS));
  return fit ? centred(grey, size) : grey;
}

/**
 * A drawing moved, by whole pixels, to the middle of its square; see the Python module for halves.
 * @param {Uint8Array} picture
 * @param {number} size
 */
export function centred(picture, size) {
  const ink = [...picture.keys()].filter((at) => picture[at]);
  const total = picture.reduce((sum, value) => sum + value, 0);
  if (!ink.length) return picture;
  const shift = (places, more) => {
    const [first, last] = places.reduce(
      ([least, most], at) => [Math.min(least, at), Math.max(most, at)],
      [size, 0],
    );
    return Math.floor((size - 1 - last - first + (more % 2)) / 2);
  };
  const down = shift(
    ink.map((at) => Math.floor(at / size)),
    total,
  );
  const across = shift(
    ink.map((at) => at % size),
    total >> 1,
  );
  const moved = new Uint8Array(size * size);
  for (const at of ink) moved[at + down * size + across] = picture[at];
  return moved;
}

/**
 * Each pixel as bright as the brightest of itself and its four neighbours.
 * @param {Uint8Array} picture
 * @param {number} size
 */
export function thickened(picture, size) {
  const at = (x, y) => (x < 0 || y < 0 || x >= size || y >= size ? 0 : picture[y * size + x]);
  return picture.map((_, p) => {
    const x = p % size;
    const y = Math.floor(p / size);
    return Math.max(at(x, y), at(x - 1, y), at(x + 1, y), at(x, y - 1), at(x, y + 1));
  });
}

/**
 * Where a point in [0, 1]² goes when it is mirrored, then rotated anticlockwise by quarter turns.
 * @param {number[]} point
 * @param {number} turns
 * @param {boolean} mirrored
 */
export function toScreen([x, y], turns, mirrored) {
  if (mirrored) x = 1 - x;
  for (let k = 0; k < turns; k++) [x, y] = [y, 1 - x];
  return [x, y];
}
/**
 * The inverse of `toScreen`.
 * @param {number[]} point
 * @param {number} turns
 * @param {boolean} mirrored
 */
export function fromScreen([x, y], turns, mirrored) {
  for (let k = 0; k < turns; k++) [x, y] = [1 - y, x];
  return [mirrored ? 1 - x : x, y];
}

/**
 * An image mirrored, then rotated: pixels move, and none are blended.
 * @param {Uint8Array} picture
 * @param {number} size
 * @param {number} turns
 * @param {boolean} mirrored
 */
export function placed(picture, size, turns, mirrored) {
  const out = new Uint8Array(size * size);
  const middle = (at) => (at + 0.5) / size;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const [u, v] = fromScreen([middle(x), middle(y)], turns, mirrored).map((at) =>
        Math.floor(at * size),
      );
      out[y * size + x] = picture[v * size + u];
    }
  return out;
}

/**
 * The cosine of a representation with each row of features (rows, length), which are signed bytes.
 * @param {Float32Array} h
 * @param {Int8Array} rows
 */
export function cosines(h, rows) {
  const length = h.length;
  const count = rows.length / length;
  const size = Math.hypot(...h);
  return Float64Array.from({ length: count }, (_, i) => {
    let dot = 0;
    let square = 0;
    for (let d = 0, at = i * length; d < length; d++, at++) {
      dot += h[d] * rows[at];
      square += rows[at] * rows[at];
    }
    return size ? dot / (size * Math.sqrt(square)) : 0;
  });
}

/**
 * The places of the largest values, the largest first. Of equal values, the first comes first.
 * @param {Numbers} values
 */
export function ranked(values) {
  return [...Array(values.length).keys()].sort((a, b) => values[b] - values[a] || a - b);
}

/**
 * The votes of the k nearest, one each: [label, fraction], most votes first. Of equal ones, the
 * label of the nearest comes first.
 * @param {number[]} labels
 */
export function vote(labels) {
  const shares = new Map();
  for (const label of labels) shares.set(label, (shares.get(label) ?? 0) + 1 / labels.length);
  // the sort is stable, and the class of the nearest came first
  return [...shares].sort((a, b) => Math.round((b[1] - a[1]) * labels.length));
}

/** Unpack images and labels, and for each encoder a function from an image to its neighbours. */
function unpackPad(model) {
  const size = model.get("size");
  const labels = model.get("labels");
  const count = model.get("count");
  const pixels = unpackPictures(bytesOf(model, "pictures"), labels.length * size * size);
  const bytes = bytesOf(model, "features");
  const features = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const picture = (i) => pixels.subarray(i * size * size, (i + 1) * size * size);
  let at = 0;
  const encoders = model.get("encoders").map(({ name, layers, start, k }) => {
    const own = weightsOf(model, layers, start);
    const length = layers[layers.length - 1].out;
    const rows = features.subarray(at, at + count * length);
    at += count * length;
    const look = (image) => {
      const values = cosines(encode(layers, own(), image, size), rows);
      const order = ranked(values);
      return {
        name,
        k,
        values,
        order,
        votes: vote(order.slice(0, k).map((i) => labels[i])),
        median: values[order[count >> 1]],
      };
    };
    return { name, k, look };
  });
  return {
    size,
    labels,
    count,
    picture,
    encoders,
    classes: model.get("classes"),
    told: model.get("told"),
    examples: labels.length - count,
  };
}

/** A canvas of a grey image. */
const thumbnail = (picture, size) => bitmapOfBytes(picture, [size, size, 1]);

function render({ model, el }) {
  const data = unpackPad(model);
  const { size, examples } = data;
  const live = liveRegion();
  /** @type {number[][] | null} */
  let stroke = null; // the points of a stroke while it is being drawn
  let cursor = [0.5, 0.5];
  let byKeys = false; // whether the keyboard draws
  /** @type {string | null} */
  let looked = null;
  /** @type {any} */
  let found = null;
  let timer = 0;
  let last = -PAUSE;
  /** @type {string | null} */
  let announce = null;

  // no link holds a drawing of the reader's own
  const noStrokes = (text) => (text === "" ? [] : undefined);
  /** @type {Record<string, Rule>} */
  const linked = {
    ...(examples ? { example: [0, examples - 1] } : { strokes: noStrokes }),
    turns: [0, 3],
    mirrored: true,
    thick: true,
  };
  const box = frame(
    {
      model,
      el,
      name: "sketch_pad",
      title: "The sketch pad: draw, and encoders show what they consider similar",
    },
    redraw,
    linked,
  );
  const canvas = h("canvas", {
    class: "ssl-pad",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "drawing pad",
    "aria-label":
      "Drawing pad. Arrow keys move the cursor, Space lowers or lifts the pen, Backspace undoes " +
      "a stroke, Delete clears.",
  });
  const tools = buildTools(data, {
    undo,
    clear,
    turn,
    mirror,
    another,
    set: (values) => change(values, ""),
  });
  const panels = data.encoders.map((encoder) => buildPanel(data, encoder));
  // on a phone, where the panels are far below
  const brief = h("p", { class: "ssl-pad-brief", "aria-hidden": "true" });
  const stage = h("div", { class: "ssl-pad-stage" }, canvas, tools.buttons, brief);
  const classList = h(
    "p",
    { class: "ssl-quiet" },
    `The library holds ${data.count} sketches of ${data.classes.length} classes: ` +
      `${data.classes.join(", ")}.`,
  );
  box.root.append(
    h("div", { class: "ssl-pad-top" }, stage, tools.side),
    h("div", { class: "ssl-pad-panels" }, ...panels.map((panel) => panel.element)),
    classList,
    notice(rich(NOTICE)),
    live.element,
  );

  const exampleShown = () => (model.get("example") < examples ? model.get("example") : -1);
  const strokes = () => (stroke ? [...model.get("strokes"), stroke] : model.get("strokes"));

  /** The input of the networks. */
  function pictureNow() {
    const example = exampleShown();
    const image =
      example >= 0
        ? data.picture(data.count + example)
        : drawStrokes(strokes(), size, model.get("fit"));
    return placed(
      model.get("thick") ? thickened(image, size) : image,
      size,
      model.get("turns"),
      model.get("mirrored"),
    );
  }

  function redraw() {
    if (!box.root.clientWidth) return;
    const example = exampleShown();
    drawPad(example);
    tools.update(model, example, strokes().length);
    if (stateNow() === looked) {
      if (announce !== null && !timer) speak();
    } else if (found === null)
      look(); // at once the first time, so that nothing flashes
    // after this frame
    else timer ||= setTimeout(look, Math.max(0, last + PAUSE - performance.now()));
  }

  /** Everything that the input depends on, as a text. */
  const stateNow = () =>
    JSON.stringify([
      exampleShown(),
      strokes(),
      ...["turns", "mirrored", "thick", "fit"].map((name) => model.get(name)),
    ]);

  /** Run the networks on the present drawing. */
  function look() {
    const example = exampleShown();
    const image = pictureNow();
    const blank = image.every((v) => !v);
    looked = stateNow();
    timer = 0;
    found = blank
      ? []
      : data.encoders.map((encoder) => encoder.look(Float32Array.from(image, (v) => v / 255)));
    tools.show(thumbnail(image, size));
    panels.forEach((panel, k) =>
      panel.update(found[k], example >= 0 ? data.labels[data.count + example] : -1),
    );
    brief.textContent = found
      .map(({ name, votes: [[label]] }) => `${name}: ${data.classes[label]}`)
      .join(" · ");
    if (announce !== null) speak();
    last = performance.now();
    save(model, {
      nearest: Object.fromEntries(found.map(({ name, order }) => [name, order.slice(0, NEAR)])),
    });
  }

  /** Announce what was done, and the answers of the encoders. */
  function speak() {
    const answers = found.map(
      ({ name, votes: [[label, share]] }) =>
        `${name}: ${data.classes[label]}, ${Math.round(100 * share)} percent.`,
    );
    live.say([announce, ...(found.length ? answers : ["The pad is empty."])].join(" ").trim());
    announce = null;
  }

  /** Set values; the words are announced together with the answers. */
  function change(values, words) {
    announce = words;
    save(model, values);
    box.queue();
  }

  // What the reader does
  function begin(place) {
    if (exampleShown() >= 0) save(model, { example: -1, strokes: [], turns: 0, mirrored: false });
    stroke = [fromScreen(place, model.get("turns"), model.get("mirrored"))];
    box.queue();
  }
  function extend(place) {
    if (!stroke) return;
    const point = fromScreen(place, model.get("turns"), model.get("mirrored"));
    const [x, y] = stroke[stroke.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) < 0.004) return;
    stroke.push(point);
    box.queue();
  }
  function finish() {
    if (!stroke) return;
    const done = stroke.map((point) => point.map((v) => Math.round(1e4 * v) / 1e4));
    stroke = null;
    const all = [...model.get("strokes"), done];
    change({ strokes: all }, `Pen up, ${all.length} stroke${all.length > 1 ? "s" : ""}.`);
  }
  function undo() {
    if (stroke) {
      stroke = null;
      change({}, "Stroke undone.");
    } else if (exampleShown() >= 0)
      live.say("This is an example and has no strokes to undo. Start drawing to replace it.");
    else if (!model.get("strokes").length) live.say("There is no stroke to undo.");
    else change({ strokes: model.get("strokes").slice(0, -1) }, "Stroke undone.");
  }
  function clear() {
    stroke = null;
    change({ example: -1, strokes: [], turns: 0, mirrored: false }, "Cleared.");
  }
  function turn() {
    finish();
    change({ turns: (model.get("turns") + 1) % 4 }, "Rotated left by 90 degrees.");
  }
  function mirror() {
    // as it appears on the screen: mirroring reverses the sense of the rotations
    finish();
    change({ mirrored: !model.get("mirrored"), turns: (4 - model.get("turns")) % 4 }, "Mirrored.");
  }
  function another() {
    const now = exampleShown();
    const pick = Math.floor(Math.random() * (examples - (now >= 0 ? 1 : 0)));
    const example = examples === 1 ? 0 : now >= 0 && pick >= now ? pick + 1 : pick;
    stroke = null;
    change(
      { example, turns: 0, mirrored: false },
      `An example: ${data.classes[data.labels[data.count + example]]}.`,
    );
  }

  // The pad: pointers draw at once, the keyboard moves a cursor
  const placeOf = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height].map((v) =>
      Math.min(1, Math.max(0, v)),
    );
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    finish();
    byKeys = false;
    canvas.setPointerCapture(event.pointerId);
    cursor = placeOf(event);
    begin(cursor);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stroke || byKeys || !event.isPrimary) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) {
      cursor = placeOf(move);
      extend(cursor);
    }
  });
  for (const name of /** @type {const} */ (["pointerup", "pointercancel"]))
    canvas.addEventListener(name, (event) => {
      if (event.isPrimary && !byKeys) finish();
    });
  canvas.addEventListener("focus", () => {
    byKeys = canvas.matches(":focus-visible");
    box.queue();
  });
  canvas.addEventListener("blur", () => {
    if (byKeys) finish();
    byKeys = false;
    box.queue();
  });

  const cursorWords = () =>
    `${Math.round(100 * cursor[0])} across, ${Math.round(100 * cursor[1])} down`;
  const move = (dx, dy) => (event) => {
    if (stroke && !byKeys) return; // the mouse is drawing
    byKeys = true;
    const step = event.shiftKey ? 4 * STEP : STEP;
    cursor = [cursor[0] + dx * step, cursor[1] + dy * step].map((v) => Math.min(1, Math.max(0, v)));
    if (stroke) extend(cursor);
    live.say(`${cursorWords()}, pen ${stroke ? "down" : "up"}.`);
    box.queue();
  };
  const lower = () => {
    if (stroke && !byKeys) return;
    byKeys = true;
    if (stroke) return finish();
    const gone = exampleShown() >= 0 ? "The example is gone. " : "";
    begin(cursor);
    live.say(`${gone}Pen down at ${cursorWords()}.`);
  };
  canvas.addEventListener(
    "keydown",
    keys({
      ArrowLeft: move(-1, 0),
      ArrowRight: move(1, 0),
      ArrowUp: move(0, -1),
      ArrowDown: move(0, 1),
      " ": lower,
      Enter: lower,
      Backspace: undo,
      Delete: clear,
      Escape: () => {
        if (byKeys) finish();
      },
    }),
  );

  /** Draw the strokes, or the example, and the cursor of the keyboard. */
  function drawPad(example) {
    const side = Math.min(stage.clientWidth, 320);
    const context = context2d(canvas, side, side);
    const [turns, mirrored, thick] = ["turns", "mirrored", "thick"].map((name) => model.get(name));
    Object.assign(context, {
      fillStyle: "#000",
      strokeStyle: "#fff",
      lineCap: "round",
      lineJoin: "round",
      lineWidth: (side / 40) * (thick ? 3 : 1),
    });
    context.fillRect(0, 0, side, side);
    if (example >= 0) {
      context.imageSmoothingEnabled = false;
      context.drawImage(thumbnail(pictureNow(), size), 0, 0, side, side);
    } else
      for (const points of strokes()) {
        const on = points.map((point) => toScreen(point, turns, mirrored).map((v) => v * side));
        context.beginPath();
        for (const [x, y] of on) context.lineTo(x, y);
        if (on.length === 1) context.arc(on[0][0], on[0][1], 0.5, 0, 2 * Math.PI);
        context.stroke();
      }
    if (byKeys)
      drawCursor(
        context,
        cursor.map((v) => v * side),
        side,
        Boolean(stroke),
      );
  }

  return () => {
    clearTimeout(timer);
    box.end();
  };
}

/** A crosshair; filled while the pen is down. */
function drawCursor(context, /** @type {number[]} */ [x, y], side, down) {
  Object.assign(context, { strokeStyle: "#f58b3c", fillStyle: "#f58b3c", lineWidth: 1.5 });
  context.beginPath();
  for (const [x0, y0, x1, y1] of [
    [0, y, x - 7, y],
    [x + 7, y, side, y],
    [x, 0, x, y - 7],
    [x, y + 7, x, side],
  ]) {
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
  }
  context.stroke();
  context.beginPath();
  context.arc(x, y, 6, 0, 2 * Math.PI);
  if (down) context.fill();
  else context.stroke();
}

/** Buttons, choices, and the image that the networks get. */
function buildTools(data, { undo, clear, turn, mirror, another, set }) {
  const { size } = data;
  const next = button("Another example", another, { class: "ssl-button ssl-main" });
  const buttons = h(
    "div",
    { class: "ssl-row ssl-pad-buttons" },
    button("Undo", undo),
    button("Clear", clear),
    button("↺ 90°", turn, { "aria-label": "Rotate left by 90 degrees" }),
    button("Mirror", mirror),
  );
  const seen = h("div", {
    class: "ssl-pad-seen",
    role: "img",
    "aria-label": "The drawing as the networks get it",
  });
  const words = h("p", { class: "ssl-pad-words" });
  const lines = choice({
    label: "lines",
    options: [
      ["thin", "as in the library"],
      ["thick", "thick"],
    ],
    onchange: (value) => set({ thick: value === "thick" }),
  });
  const place = choice({
    label: "size and place of your drawing",
    options: [
      ["fit", "as in the library"],
      ["free", "as drawn"],
    ],
    onchange: (value) => set({ fit: value === "fit" }),
  });
  const caption = h(
    "p",
    { class: "ssl-quiet" },
    `What the networks get: ${size} by ${size} pixels.`,
  );
  const side = h(
    "div",
    { class: "ssl-pad-side" },
    words,
    ...(data.examples ? [next] : []),
    h("div", { class: "ssl-pad-got" }, seen, caption),
    lines.element,
    place.element,
  );
  const show = (canvas) => seen.replaceChildren(canvas);
  const update = (model, example, count) => {
    lines.set(model.get("thick") ? "thick" : "thin");
    place.set(model.get("fit") ? "fit" : "free");
    // an example has no strokes
    place.element.disabled = example >= 0;
    const [first, told] = data.told;
    const title = example >= 0 ? data.classes[data.labels[data.count + example]] : "";
    const more = example === first && told ? ` ${told}` : "";
    words.textContent =
      example >= 0
        ? `An example, not in the library: ${title}.${more} Draw on the pad to replace it.`
        : count
          ? "Your own drawing."
          : "Draw one thing, by mouse, finger or keyboard: arrow keys move a cursor, Space " +
            "lowers and lifts the pen.";
  };
  return { buttons, side, show, update };
}

/**
 * The votes that have no bar, in words: "and 1 for ✓ apple", or the numbers of votes and classes.
 */
function othersOf(votes, k, classes, truth) {
  const count = ([, share]) => Math.round(share * k);
  const all = votes.reduce((sum, vote) => sum + count(vote), 0);
  if (votes.length > 2)
    return [
      `and ${all} for ${votes.length} other classes`,
      ...(votes.some(([label]) => label === truth) ? ["the correct one among them"] : []),
    ].join(", ");
  const each = votes.map((vote) => {
    const mark = vote[0] === truth ? "✓ " : "";
    return `${count(vote)} for ${mark}${classes[vote[0]]}`;
  });
  return `and ${each.join(", ") || "none"}`;
}

/** The answer of one encoder: its vote, and the nearest sketches with their cosines. */
function buildPanel(data, { name, k }) {
  const { size, classes, labels, picture } = data;
  const verdict = h("p", { class: "ssl-pad-verdict" });
  const rows = Array.from({ length: 3 }, () => {
    const title = h("span");
    const bar = h("div", { class: "ssl-pad-fill" });
    const share = h("span", { class: "ssl-pad-share" });
    return {
      title,
      bar,
      share,
      element: h("li", {}, title, h("div", { class: "ssl-pad-track" }, bar), share),
    };
  });
  const rest = h("p", { class: "ssl-quiet" });
  const places = Array.from({ length: NEAR }, () => {
    const shown = h("div");
    const title = h("span");
    const cosine = h("span", { class: "ssl-quiet" });
    return { shown, title, cosine, element: h("li", {}, shown, title, cosine) };
  });
  const median = h("p", { class: "ssl-quiet" });
  const of = h(
    "p",
    { class: "ssl-quiet" },
    k > 1 ? `Votes of its ${k} nearest:` : "Vote of its nearest:",
  );
  const votes = h(
    "ol",
    { class: "ssl-pad-votes", "aria-label": `Votes of the ${k} nearest` },
    ...rows.map((row) => row.element),
  );
  const next = h("p", { class: "ssl-quiet" }, `Its ${NEAR} nearest, with their cosines:`);
  const nearest = h(
    "ol",
    { class: "ssl-pad-near", "aria-label": "The nearest sketches, with their cosines" },
    ...places.map((place) => place.element),
  );
  const element = h(
    "section",
    { class: "ssl-pad-panel", "aria-label": name },
    h("p", { class: "ssl-pad-name" }, name),
    verdict,
    of,
    votes,
    rest,
    next,
    nearest,
    median,
  );
  const update = (found, truth) => {
    for (const part of [of, votes, rest, next, nearest, median]) part.hidden = !found;
    if (!found) {
      verdict.textContent = "waits for a drawing";
      return;
    }
    const [[best]] = found.votes;
    verdict.replaceChildren(
      "says ",
      h("b", {}, classes[best]),
      truth < 0 ? "" : best === truth ? ": right" : ": wrong",
    );
    rows.forEach(({ title, bar, share, element: row }, i) => {
      const [label, part] = found.votes[i] ?? [-1, 0];
      row.classList.toggle("ssl-covered", label < 0);
      title.textContent = label < 0 ? "none" : `${label === truth ? "✓ " : ""}${classes[label]}`;
      bar.style.width = `${100 * part}%`;
      share.textContent = `${Math.round(part * k)} of ${k}`;
    });
    rest.textContent = othersOf(found.votes.slice(rows.length), k, classes, truth);
    rest.classList.toggle("ssl-covered", k <= rows.length || found.votes.length <= rows.length);
    places.forEach(({ shown, title, cosine, element: place }, i) => {
      const at = found.order[i];
      place.hidden = at === undefined;
      if (at === undefined) return;
      shown.replaceChildren(thumbnail(picture(at), size));
      title.textContent = classes[labels[at]];
      cosine.textContent = fixed(found.values[at]);
      place.classList.toggle("ssl-best", labels[at] === truth);
    });
    median.textContent = `Median cosine over the library: ${fixed(found.median)}.`;
  };
  return { element, update };
}

export default { render };
