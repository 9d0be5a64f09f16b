// Cut a hole into an image; networks fill it, and so does a rule that learnt nothing. The
// convolutions are in convnet.js and decoder.js. Cutting never waits for the networks: they work
// between two frames, on the hole at that time.

/** @import { Layer, Numbers } from "../shared/types.js" */

import { weightsOf } from "../nn/convnet.js";
import { paint } from "../nn/decoder.js";
import { album } from "../shared/album.js";
import { context2d, contextOf } from "../shared/canvas.js";
import { choice } from "../shared/controls.js";
import { button, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { bitmapOf, imageOf } from "../shared/images.js";
import { keys } from "../shared/keyboard.js";
import { bytesOf, save } from "../shared/state.js";

const HOLE_GREY = 0.5; // what the networks see in the hole: 0 to them
const BRUSH = 3; // pixels wide
const TAP = 8; // side of the block that a tap cuts, and of the keyboard's frame at first
const BOARD = 288; // side of the image to cut from, in CSS pixels
const RULE = "smooth rule";

const NOTICE = [
  "Cut where an edge runs through, then cut out a whole object.",
  "Which network continues the edge, and can any of them bring the object back?",
  "Compare the <b>L2</b>, the squared error in the hole, with that of the smooth rule, which",
  "has learnt nothing: each missing pixel is the mean of its neighbours.",
  "Then look at what the adversary adds.",
  "Is it in the truth, or does it look the same in every image?",
  "Sharp is not the same as right.",
].join(" ");

/**
 * The hole as one integer a row: bit x says whether column x is missing.
 * @param {Uint8Array} mask
 * @param {number} size
 */
export function toRows(mask, size) {
  return Array.from({ length: size }, (_, y) => {
    let row = 0;
    for (let x = 0; x < size; x++) if (mask[y * size + x]) row += 2 ** x;
    return row;
  });
}

/**
 * The hole as (size, size) bytes, 1 where a pixel is missing. Rows that are not given have no hole.
 * @param {number[]} rows
 * @param {number} size
 */
export function fromRows(rows, size) {
  return Uint8Array.from(
    { length: size * size },
    (_, k) => Math.floor((rows[Math.floor(k / size)] ?? 0) / 2 ** (k % size)) % 2,
  );
}

/**
 * A copy of the mask with one value in a rectangle. Its corners come in any order, and it is
 * clipped to the image.
 * @param {Uint8Array} mask
 * @param {number} size
 * @param {number[]} from
 * @param {number[]} to
 * @param {number} value
 */
export function withBlock(mask, size, [x0, y0], [x1, y1], value) {
  const out = mask.slice();
  for (let y = Math.max(0, Math.min(y0, y1)); y <= Math.min(size - 1, Math.max(y0, y1)); y++)
    for (let x = Math.max(0, Math.min(x0, x1)); x <= Math.min(size - 1, Math.max(x0, x1)); x++)
      out[y * size + x] = value;
  return out;
}

/**
 * A copy of the mask with one value along the straight stroke of a square brush.
 * @param {Uint8Array} mask
 * @param {number} size
 * @param {number[]} from
 * @param {number[]} to
 * @param {number} value
 */
export function withStroke(mask, size, [x0, y0], [x1, y1], value) {
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
  const reach = (BRUSH - 1) / 2;
  let out = mask;
  for (let k = 0; k <= steps; k++) {
    const x = Math.round(x0 + ((x1 - x0) * k) / steps);
    const y = Math.round(y0 + ((y1 - y0) * k) / steps);
    out = withBlock(out, size, [x - reach, y - reach], [x + reach, y + reach], value);
  }
  return out;
}

/**
 * The central hole of half the height and width; `centre_mask` in Python.
 * @param {number} size
 */
export function centreHole(size) {
  const side = Math.floor(size / 2);
  const start = Math.floor((size - side) / 2);
  const end = start + side - 1;
  return withBlock(new Uint8Array(size * size), size, [start, start], [end, end], 1);
}

/**
 * Four blocks of random size and place, drawn as `block_masks` in Python draws them.
 * @param {number} size
 * @param {() => number} next gives numbers in [0, 1)
 */
export function randomHole(size, next) {
  const least = Math.max(1, Math.floor(size / 8));
  const most = Math.max(1, Math.floor(size / 4));
  let mask = new Uint8Array(size * size);
  for (let k = 0; k < 4; k++) {
    const [width, height] = [0, 1].map(() => least + Math.floor(next() * (most - least + 1)));
    const [x, y] = [width, height].map((side) => Math.floor(next() * (size - side + 1)));
    mask = withBlock(mask, size, [x, y], [x + width - 1, y + height - 1], 1);
  }
  return mask;
}

/**
 * The image with the network's pixels in the hole; `Inpainting.fill` in Python.
 * @param {Layer[]} layers
 * @param {Numbers} weights
 * @param {Float32Array} image (channels, size, size) in [0, 1]
 * @param {Uint8Array} mask
 * @param {number} size
 */
export function networkFill(layers, weights, image, mask, size) {
  const count = mask.length;
  const made = paint(
    layers,
    weights,
    image.map((v, k) => (mask[k % count] ? HOLE_GREY : v)),
    size,
  );
  return image.map((v, k) => (mask[k % count] ? made[k] : v));
}

/**
 * The image with each missing pixel the mean of its neighbours. `smooth_fill` in Python solves for
 * it; here each pixel goes towards the mean and a little beyond, until nothing moves much.
 * @param {Float32Array} image
 * @param {Uint8Array} mask
 * @param {number} size
 */
export function smoothFill(image, mask, size) {
  const count = mask.length;
  const out = Float32Array.from(image);
  const missing = [];
  for (let p = 0; p < count; p++)
    if (mask[p])
      missing.push([
        p,
        [
          [p - size, p >= size],
          [p + size, p + size < count],
          [p - 1, p % size > 0],
          [p + 1, (p + 1) % size > 0],
        ]
          .filter(([, inside]) => inside)
          .map(([q]) => q),
      ]);
  const border = [...new Set(missing.flatMap(([, near]) => near))].filter((q) => !mask[q]);
  for (let plane = 0; plane < out.length; plane += count) {
    const start = border.length
      ? border.reduce((sum, q) => sum + out[plane + q], 0) / border.length
      : HOLE_GREY;
    for (const [p] of missing) out[plane + p] = start;
    for (let round = 0, moved = 1; moved > 1e-6 && round < 1000; round++) {
      moved = 0;
      for (const [p, near] of missing) {
        let sum = 0;
        for (let k = 0; k < near.length; k++) sum += out[plane + near[k]];
        const step = 1.8 * (sum / near.length - out[plane + p]);
        out[plane + p] += step;
        moved = Math.max(moved, Math.abs(step));
      }
    }
  }
  return out;
}

/**
 * The mean squared error over missing pixels and channels; `reconstruction_loss` in Python. NaN
 * without a hole.
 * @param {Float32Array} made
 * @param {Float32Array} image
 * @param {Uint8Array} mask
 */
export function errorIn(made, image, mask) {
  const count = mask.length;
  let sum = 0;
  let n = 0;
  for (let k = 0; k < image.length; k++)
    if (mask[k % count]) {
      sum += (made[k] - image[k]) ** 2;
      n++;
    }
  return sum / n;
}

/**
 * The mean difference between neighbouring pixels that are both missing; `sharpness` in Python. NaN
 * if there are none.
 * @param {Float32Array} image
 * @param {Uint8Array} mask
 * @param {number} size
 */
export function sharpnessIn(image, mask, size) {
  const count = mask.length;
  const channels = image.length / count;
  let sum = 0;
  let n = 0;
  for (let p = 0; p < count; p++)
    for (const q of [(p + 1) % size ? p + 1 : count, p + size])
      if (q < count && mask[p] && mask[q]) {
        for (let c = 0; c < channels; c++)
          sum += Math.abs(image[c * count + p] - image[c * count + q]) / channels;
        n++;
      }
  return sum / n;
}

/** Unpack the images, and for each set the functions that fill a hole in them. */
function unpackStudio(model) {
  const [, count, size, , channels] = model.get("shape");
  const groups = model.get("groups");
  const labels = model.get("labels");
  const pixels = bytesOf(model, "pictures");
  const area = size * size;
  const each = area * channels;
  const painters = Object.fromEntries(groups.map((group) => [group, []]));
  for (const { group, name, layers, start } of model.get("networks")) {
    const own = weightsOf(model, layers, start);
    painters[group].push({
      name,
      fill: (image, mask) => networkFill(layers, own(), image, mask, size),
    });
  }
  for (const group of groups)
    painters[group].push({
      name: RULE,
      fill: (image, mask) => smoothFill(image, mask, size),
    });
  const toImage = (bytes) => imageOf(bytes, channels, size);
  /** @type {Float32Array | null} */
  let own = null; // the reader's own image; its number is `count`
  const image = (group, k) => {
    if (k >= count) return own;
    const at = (Math.max(0, groups.indexOf(group)) * count + k) * each;
    return toImage(pixels.subarray(at, at + each));
  };
  const toBitmap = (shown) => bitmapOf(shown, channels, size);
  const nameOf = (group, k) =>
    k < count ? (labels?.[groups.indexOf(group)]?.[k] ?? `image ${k + 1}`) : "your image";
  return {
    count,
    size,
    channels,
    groups,
    painters,
    image,
    toBitmap,
    nameOf,
    total: () => count + (own ? 1 : 0),
    setOwn: (bytes) => {
      own = toImage(bytes);
    },
  };
}

function render({ model, el }) {
  const data = unpackStudio(model);
  const { size } = data;
  const live = liveRegion();
  /**
   * @type {{
   *   from: number[], base: Uint8Array, mask: Uint8Array, tool: string, last?: number[],
   * } | null}
   */
  let cut = null; // while a pointer cuts
  let frameAt = { x: 2, y: 2, width: Math.min(TAP, size), height: Math.min(TAP, size) };
  let byKeys = false;
  /** @type {string | null} */
  let seen = null;
  let timer = 0;
  let toSay = false;
  let version = 0; // the number of images of their own that the reader gave

  const linked = {
    group: { of: data.groups },
    picture: [0, data.count - 1],
    rows: { list: [0, 2 ** size - 1], length: size },
  };
  const box = frame(
    {
      model,
      el,
      name: "inpainting",
      title: "Inpainting studio: cut a hole, and see what networks put into it",
    },
    redraw,
    linked,
  );

  /** Everything that the fills depend on. */
  function look() {
    const group = data.groups.includes(model.get("group")) ? model.get("group") : data.groups[0];
    const picture = Math.min(model.get("picture"), data.total() - 1);
    const mask = cut?.mask ?? fromRows(model.get("rows"), size);
    return {
      group,
      picture,
      mask,
      key: [group, picture, picture < data.count ? 0 : version, toRows(mask, size)].join(),
    };
  }

  const change = (values) => {
    toSay = true;
    save(model, values);
    box.queue();
  };
  const setHole = (mask) => change({ rows: toRows(mask, size) });

  const choosing = buildStudioAlbum(data, change, box.root, () => version++);
  const board = buildCuttingBoard(data, model, setHole);
  const results = buildFills(data);
  box.root.append(
    choosing.element,
    board.tools,
    h("div", { class: "ssl-studio" }, board.element, results.element),
    board.hint,
    notice(rich(NOTICE)),
    live.element,
  );

  function redraw() {
    if (!box.root.clientWidth) return;
    const state = look();
    choosing.update(state);
    board.update(
      state,
      data.image(state.group, state.picture),
      byKeys ? frameAt : null,
      model.get("tool"),
    );
    if (state.key !== seen) results.begin(state);
    if (state.key !== seen || toSay) timer ||= setTimeout(work, 0); // after this frame
    seen = state.key;
  }

  /**
   * Make one fill after the other, always of the present hole; the one that waited longest is
   * first.
   */
  function work() {
    const state = look();
    const more = results.next(state, data.image(state.group, state.picture));
    timer = more ? setTimeout(work, 0) : 0;
    if (more || cut || !toSay) return;
    toSay = false;
    live.say(`${board.count(state.mask)} ${results.words()}`);
  }

  // Pointers cut as they move: a block from corner to corner, or a stroke. A tap cuts a block.
  const { canvas } = board;
  const pixelOf = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height].map((v) =>
      Math.min(size - 1, Math.max(0, Math.floor(v * size))),
    );
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    byKeys = false;
    canvas.setPointerCapture(event.pointerId);
    const from = pixelOf(event);
    const base = look().mask;
    const tool = model.get("tool");
    const corner = from.map((v) => v - TAP / 2);
    const mask =
      tool === "block"
        ? withBlock(
            base,
            size,
            corner,
            corner.map((v) => v + TAP - 1),
            1,
          )
        : withStroke(base, size, from, from, tool === "brush" ? 1 : 0);
    cut = { from, base, mask, tool };
    box.queue();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!cut || !event.isPrimary) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) {
      const to = pixelOf(move);
      if (`${to}` === `${cut.last ?? cut.from}`) continue;
      if (cut.tool === "block") cut.mask = withBlock(cut.base, size, cut.from, to, 1);
      else
        cut.mask = withStroke(
          cut.mask,
          size,
          cut.last ?? cut.from,
          to,
          cut.tool === "brush" ? 1 : 0,
        );
      cut.last = to;
      box.queue();
    }
  });
  const finish = () => {
    if (!cut) return;
    const { mask } = cut;
    cut = null;
    setHole(mask);
  };
  for (const name of /** @type {const} */ (["pointerup", "pointercancel"]))
    canvas.addEventListener(name, (event) => {
      if (event.isPrimary) finish();
    });

  // The keyboard moves a frame, which cuts
  const within = (value, least, most) => Math.min(most, Math.max(least, value));
  const arrow =
    (dx, dy) =>
    ({ shiftKey }) => {
      let { x, y, width, height } = frameAt;
      if (shiftKey)
        [width, height] = [within(width + dx, 1, size - x), within(height + dy, 1, size - y)];
      else [x, y] = [within(x + dx, 0, size - width), within(y + dy, 0, size - height)];
      frameAt = { x, y, width, height };
      byKeys = true;
      live.say(`Frame: columns ${x + 1} to ${x + width}, rows ${y + 1} to ${y + height}.`);
      box.queue();
    };
  const stamp = (value) => () => {
    if (cut) return; // a pointer is cutting
    const { x, y, width, height } = frameAt;
    byKeys = true;
    setHole(withBlock(look().mask, size, [x, y], [x + width - 1, y + height - 1], value));
  };
  canvas.addEventListener(
    "keydown",
    keys({
      ArrowLeft: arrow(-1, 0),
      ArrowRight: arrow(1, 0),
      ArrowUp: arrow(0, -1),
      ArrowDown: arrow(0, 1),
      " ": stamp(1),
      Backspace: stamp(0),
      Delete: stamp(0),
    }),
  );
  canvas.addEventListener("focus", () => {
    byKeys = canvas.matches(":focus-visible");
    box.queue();
  });
  canvas.addEventListener("blur", () => {
    byKeys = false;
    box.queue();
  });
  return () => {
    clearTimeout(timer);
    box.end();
  };
}

/** The choice of set and image; the last image may be the reader's own. */
function buildStudioAlbum(data, change, target, renew) {
  const group = choice({
    label: "images and their networks",
    options: data.groups.map((name) => [name, name]),
    onchange: (name) => change({ group: name }),
  });
  const {
    strip,
    own,
    update: show,
  } = album({
    data,
    target,
    className: "ssl-studio-strip",
    choose: change,
    onown: renew,
    nameOf: data.nameOf,
    draw: (name, k) => data.toBitmap(data.image(name, k)),
  });
  const update = ({ group: name, picture }) => {
    group.set(name);
    show(name, picture);
  };
  const element = h(
    "div",
    { class: "ssl-row" },
    ...(data.groups.length > 1 ? [group.element] : []),
    strip,
    own,
  );
  return { element, update };
}

/** The image to cut from, and the tools. */
function buildCuttingBoard(data, model, setHole) {
  const { size } = data;
  const area = size * size;
  const canvas = h("canvas", {
    class: "ssl-studio-board",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "image to cut from",
  });
  const tool = choice({
    label: "tool",
    options: [
      ["block", "block"],
      ["brush", "brush"],
      ["restore", "restore"],
    ],
    onchange: (name) => save(model, { tool: name }),
  });
  const small = { class: "ssl-button ssl-small" };
  const holes = h(
    "div",
    { class: "ssl-row ssl-studio-holes", role: "group", "aria-label": "Holes" },
    button("Centre block", () => setHole(centreHole(size)), small),
    button("Random blocks", () => setHole(randomHole(size, Math.random)), small),
    button("Restore all", () => setHole(new Uint8Array(area)), small),
  );
  const tools = h("div", { class: "ssl-row ssl-studio-tools" }, tool.element, holes);
  const hint = h("p", { class: "ssl-quiet ssl-studio-hint" });
  const missing = h("p", { class: "ssl-studio-missing" });
  const element = h("div", { class: "ssl-studio-stage" }, canvas, missing);
  const count = (mask) => {
    const missing = mask.reduce((sum, v) => sum + v, 0).toLocaleString("en");
    return `${missing} of ${area.toLocaleString("en")} pixels are missing.`;
  };

  /** Draw a line that is visible on any image. */
  const outline = (context, path, dashes) => {
    for (const [style, width, dash] of [
      ["#000", 3, []],
      ["#fff", 1.5, dashes],
    ]) {
      Object.assign(context, { strokeStyle: style, lineWidth: width });
      context.setLineDash(dash);
      context.stroke(path);
    }
  };
  const update = ({ mask, group, picture }, image, frameAt, chosen) => {
    const side = Math.min(element.clientWidth, BOARD);
    const step = side / size;
    const context = context2d(canvas, side, side);
    const edge = new Path2D();
    context.imageSmoothingEnabled = false;
    context.drawImage(
      data.toBitmap(image.map((v, k) => (mask[k % area] ? HOLE_GREY : v))),
      0,
      0,
      side,
      side,
    );
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const here = mask[y * size + x];
        for (const [dx, dy] of [
          [1, 0],
          [0, 1],
        ]) {
          // the border with the right and with the lower neighbour
          if (x + dx >= size || y + dy >= size || mask[(y + dy) * size + x + dx] === here) continue;
          edge.moveTo((x + dx) * step, (y + dy) * step);
          edge.lineTo((x + 1) * step, (y + 1) * step);
        }
      }
    outline(context, edge, [4, 4]);
    if (frameAt) {
      const around = new Path2D();
      around.rect(frameAt.x * step, frameAt.y * step, frameAt.width * step, frameAt.height * step);
      outline(context, around, []);
    }
    canvas.setAttribute(
      "aria-label",
      `${data.nameOf(group, picture)}, with its hole. Arrow keys move a frame, Shift and arrows ` +
        "change its size, Space cuts it out, Backspace fills the hole again.",
    );
    tool.set(chosen);
    missing.textContent = count(mask);
    hint.textContent =
      (picture < data.count
        ? ""
        : `Your image as the networks get it: its centre, ${size} × ${size} pixels. `) +
      {
        block: "Drag from corner to corner, or tap.",
        brush: "Drag to cut.",
        restore: "Drag over the hole to close it.",
      }[chosen] +
      " With the keyboard: arrows move a frame, Shift + arrows change its size, Space cuts, " +
      "Backspace fills the hole again.";
  };
  return { element, tools, hint, canvas, count, update };
}

/** The fills of all networks and of the rule, with their numbers, and the truth. */
function buildFills(data) {
  const { size } = data;
  const element = h("div", { class: "ssl-studio-fills" });
  /** @type {string | null} */
  let group = null;
  let parts = [];
  /** @type {any} */
  let truth = null;
  const draw = (canvas, image) => contextOf(canvas).drawImage(data.toBitmap(image), 0, 0);
  const cell = (name, label) => {
    const canvas = h("canvas", { width: size, height: size, role: "img", "aria-label": label });
    const number = h("span");
    const rest = h("span");
    return {
      name,
      canvas,
      number,
      rest,
      element: h("figure", {}, canvas, h("figcaption", {}, h("b", {}, name), number, rest)),
    };
  };
  const regroup = (name) => {
    group = name;
    parts = data.painters[name].map(({ name: who, fill }) => ({
      ...cell(who, `The fill by ${who}`),
      fill,
      done: null,
      error: NaN,
    }));
    truth = cell("the truth", "The whole image");
    for (const { number } of parts) number.textContent = "L2 …";
    element.replaceChildren(...parts.map((part) => part.element), truth.element);
    truth.number.textContent = "what was there";
    truth.rest.textContent = "sharpness 100%";
  };

  /** Show the truth of a new hole or image at once. */
  const begin = (state) => {
    if (group !== state.group) regroup(state.group);
    element.setAttribute("aria-busy", "true");
    draw(truth.canvas, data.image(state.group, state.picture));
  };
  /** Make one fill that is out of date; return false if there is none. */
  const next = (state, image) => {
    if (group !== state.group) begin(state);
    const part = parts
      .filter(({ done }) => done !== state.key)
      .sort((a, b) => (a.at ?? 0) - (b.at ?? 0))[0];
    if (!part) {
      element.setAttribute("aria-busy", "false");
      return false;
    }
    const made = part.fill(image, state.mask);
    const share = sharpnessIn(made, state.mask, size) / sharpnessIn(image, state.mask, size);
    Object.assign(part, {
      done: state.key,
      at: performance.now(),
      error: errorIn(made, image, state.mask),
    });
    draw(part.canvas, made);
    part.rest.textContent = Number.isFinite(share)
      ? `sharpness ${Math.round(100 * share)}%`
      : "sharpness –";
    const least = Math.min(
      ...parts.filter(({ done }) => done === state.key).map(({ error }) => error),
    );
    for (const each of parts) {
      const best = parts.every(({ done }) => done === state.key) && each.error === least;
      each.number.textContent = Number.isNaN(each.error)
        ? "L2 –"
        : `L2 ${each.error.toFixed(4)}${best ? ", least" : ""}`;
      each.number.classList.toggle("ssl-best", best);
    }
    return true;
  };
  const errorOf = ({ name, error }) => `${name} ${error.toFixed(4)}`;
  const words = () =>
    parts.some(({ error }) => Number.isNaN(error))
      ? "There is nothing to fill."
      : `Squared error in the hole: ${parts.map(errorOf).join(", ")}.`;
  return { element, begin, next, words };
}

export default { render };
