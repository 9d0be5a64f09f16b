// Two patches of one image: on which side of the first is the second? The networks guess, and you
// play against them. The patches are cut out of whole images here; the convolutions are in
// convnet.js.

/** @import { Numbers } from "../shared/types.js" */

import { applyHead, argmax, encode, sideBySide, softmax, weightsOf } from "../nn/convnet.js";
import { album } from "../shared/album.js";
import { background } from "../shared/background.js";
import { context2d } from "../shared/canvas.js";
import { colour, css } from "../shared/colours.js";
import { choice } from "../shared/controls.js";
import { button, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { bitmapOf, cutOut } from "../shared/images.js";
import { keys, losesFocus } from "../shared/keyboard.js";
import { drawsOf } from "../shared/random.js";
import { bytesOf, save } from "../shared/state.js";

const CELLS = [
  [0, 0],
  [0, 1],
  [0, 2],
  [1, 0],
  [1, 2],
  [2, 0],
  [2, 1],
  [2, 2],
]; // row, column of each place
const PLACES = [
  "above left",
  "above",
  "above right",
  "left",
  "right",
  "below left",
  "below",
  "below right",
];

const NOTICE = [
  "Play ten rounds before you judge the networks: two small patches say little, and both you",
  "and they are often wrong.",
  "Then let the patches touch, and look for lines that continue across the border: in the",
  "table, which network gains from it?",
  "And when you are right, ask yourself how you knew: from both patches, or only from the",
  "second?",
].join(" ");

/**
 * Row and column of the upper left pixel of the centre patch and of its neighbour. The draw decides
 * the place of the grid and the jitter of each patch in it; it is the same for all eight places.
 * @param {number} size
 * @param {{ patch: number, gap: number, jitter: number }} cut
 * @param {number} place
 * @param {number} draw
 */
export function corners(size, { patch, gap, jitter }, place, draw) {
  const next = drawsOf(draw);
  const below = (n) => Math.floor(next() * n);
  const room = size - 3 * patch - 2 * gap - 2 * jitter + 1;
  const grid = [below(room), below(room)];
  return [[1, 1], CELLS[place]].map((cell) =>
    cell.map((at, axis) => grid[axis] + at * (patch + gap) + below(2 * jitter + 1)),
  );
}

/** Keep only green: red and blue become mid-grey, which is 0 to the network. */
function greenOnly(image) {
  const plane = image.length / 3;
  return image.map((v, k) => (k >= plane && k < 2 * plane ? v : 0.5));
}

/**
 * The place that an arrow key leads to: around the edge of the grid, and across its centre.
 * @param {number} place
 * @param {number} down
 * @param {number} right
 */
export function neighbourOf(place, down, right) {
  let [row, column] = CELLS[place];
  do {
    row = (row + down + 3) % 3;
    column = (column + right + 3) % 3;
  } while (row === 1 && column === 1);
  return CELLS.findIndex(([r, c]) => r === row && c === column);
}

/** Unpack the images and networks, with functions that cut patches and guess. */
function unpackPatches(model) {
  const [, count, size, , channels] = model.get("shape");
  const scenes = model.get("scenes");
  const pixels = bytesOf(model, "pictures");
  const each = size * size * channels;
  const patch = model.get("patch");
  /** @type {any} */
  let own = null; // the reader's own image, the same in every set; its number is `count`
  let owns = 0; // the number of images that the reader gave
  const whole = (scene, picture) => {
    if (picture >= count) return own;
    const at = (Math.max(0, scenes.indexOf(scene)) * count + picture) * each;
    return pixels.subarray(at, at + each);
  };
  const part = (scene, picture, corner) =>
    cutOut(whole(scene, picture), size, channels, corner, patch);
  const howToCut = (spaced) => ({
    patch,
    gap: spaced ? model.get("gap") : 0,
    jitter: spaced ? model.get("jitter") : 0,
  });
  const networks = model.get("networks").map(({ name, layers, start, drop_color: green }) => {
    const own = weightsOf(model, layers, start);
    const known = new Map(); // representations of patches seen before
    const represent = (scene, picture, corner) => {
      const key = [...(picture < count ? [scene, picture] : ["own", owns]), ...corner].join();
      if (!known.has(key)) {
        const image = part(scene, picture, corner);
        if (known.size > 3000) known.clear();
        known.set(key, encode(layers, own(), green ? greenOnly(image) : image, patch));
      }
      return known.get(key);
    };
    const guess = (scene, picture, pair) =>
      softmax(
        applyHead(
          layers,
          own(),
          sideBySide(pair.map((corner) => represent(scene, picture, corner))),
        ),
      );
    return { name, guess };
  });
  const toBitmap = (image, side) => bitmapOf(image, channels, side);
  const pictureBitmap = (scene, picture) =>
    toBitmap(cutOut(whole(scene, picture), size, channels, [0, 0], size), size);
  const labels = model.get("labels");
  const nameOf = (k) => (k < count ? (labels[k] ?? `image ${k + 1}`) : "your image");
  return {
    count,
    size,
    channels,
    patch,
    scenes,
    networks,
    part,
    howToCut,
    toBitmap,
    pictureBitmap,
    nameOf,
    total: () => count + (own ? 1 : 0),
    setOwn: (bytes) => {
      own = bytes;
      owns++;
    },
  };
}

function render({ model, el }) {
  const data = unpackPatches(model);
  const live = liveRegion();
  /** @type {{ answer: number | null } | null} */
  let round = null; // while a round is played; the answer is null until it is given
  let aim = 0;
  let said = "";
  /** @type {string | null} */
  let phase = null;

  const box = frame(
    {
      model,
      el,
      name: "patch_position",
      title: "Where does this patch come from? Guess, and watch networks guess",
    },
    redraw,
    {
      scene: { of: data.scenes },
      picture: [0, data.count - 1],
      place: [0, PLACES.length - 1],
      spaced: true,
      draw: [0, 2 ** 31 - 1],
      network: { of: data.networks.map(({ name }) => name) },
    },
  );
  const choose = (values) => {
    round = null;
    save(model, values);
    box.queue();
  };
  const open = () => round?.answer === null;
  // the last, if the reader gave no image
  const chosen = () => Math.min(model.get("picture"), data.total() - 1);

  const choosing = buildPatchAlbum(data, model, choose, box.root);
  const stage = buildWhole(data);
  const pair = buildPair(data, () => choose({ draw: model.get("draw") + 1 }));
  const grid = buildGrid(data, { move, press });
  const table = buildNetworks(data, choose, box.queue);
  const game = buildPatchGame(data, {
    start,
    stop: () => {
      round = null;
      box.queue();
    },
  });
  box.root.append(
    choosing.element,
    h(
      "div",
      { class: "ssl-patches" },
      h("div", { class: "ssl-patch-seen" }, pair.element, stage.element),
      grid.element,
    ),
    game.element,
    table.element,
    notice(rich(NOTICE)),
    live.element,
  );

  function redraw() {
    if (!box.root.clientWidth) return;
    const scene = model.get("scene");
    const picture = chosen();
    const place = model.get("place");
    const spaced = model.get("spaced");
    const hidden = open();
    const cut = data.howToCut(spaced);
    const where = corners(data.size, cut, place, model.get("draw"));
    const guesses = data.networks.map((network) => network.guess(scene, picture, where));
    const shown = Math.max(
      0,
      data.networks.findIndex(({ name }) => name === model.get("network")),
    );
    const state = {
      scene,
      picture,
      place,
      spaced,
      hidden,
      cut,
      where,
      guesses,
      shown,
      round,
      aim,
      score: model.get("score"),
    };
    const lost = losesFocus(box.root, () => {
      for (const part of [choosing, stage, pair, grid, table, game]) part.update(state);
    });
    const words = hidden
      ? ""
      : `The patch is ${PLACES[place]}. ` +
        data.networks
          .map(({ name }, k) => {
            const best = argmax(guesses[k]);
            return `${name}: ${PLACES[best]}, ${Math.round(100 * guesses[k][best])} percent.`;
          })
          .join(" ");
    if (said && words !== said && !round) live.say(words);
    said = words;
    const now = !round ? "free" : hidden ? "guess" : "told";
    if (lost || (now !== phase && now !== "free")) (hidden ? grid.cells[aim] : game.begin).focus();
    phase = now;
  }

  /** Move by an arrow key: choose a place, or only point at it while the answer is open. */
  function move(down, right) {
    const to = neighbourOf(open() ? aim : model.get("place"), down, right);
    if (open()) {
      aim = to;
      live.say(PLACES[to]);
      box.queue();
    } else choose({ place: to });
    grid.focus(to);
  }

  /** Press a cell of the grid: it is the answer while one is open, else the place to show. */
  function press(place) {
    if (open()) answer(place);
    else choose({ place });
  }

  /** Start a round: image, place and cut at random, with image and probabilities covered. */
  function start() {
    const other = Math.floor(Math.random() * (data.total() - 1));
    const picture = data.total() === 1 ? 0 : other < chosen() ? other : other + 1;
    round = { answer: null };
    aim = 1;
    save(model, {
      picture,
      place: Math.floor(Math.random() * 8),
      draw: Math.floor(Math.random() * 1e6),
    });
    live.say(
      "Two patches of one image. Where is the second? Arrow keys point at a place, Enter answers.",
    );
    box.queue();
  }

  function answer(given) {
    const scene = model.get("scene");
    const picture = chosen();
    const place = model.get("place");
    const where = corners(data.size, data.howToCut(model.get("spaced")), place, model.get("draw"));
    const right = data.networks.map(
      (network) => argmax(network.guess(scene, picture, where)) === place,
    );
    const score = model.get("score");
    round = { answer: given };
    save(model, {
      score: {
        rounds: score.rounds + 1,
        you: score.you + (given === place),
        networks: score.networks.map((points, k) => points + right[k]),
      },
    });
    live.say(
      `It is ${PLACES[place]}. You are ${given === place ? "right" : "wrong"}. ` +
        data.networks.map(({ name }, k) => `${name} is ${right[k] ? "right" : "wrong"}.`).join(" "),
    );
    box.queue();
  }

  box.root.addEventListener(
    "keydown",
    keys({
      n: () => {
        if (!open()) start();
      },
    }),
  );
  return () => {
    table.end();
    box.end();
  };
}

/**
 * The choice of set, spacing and image; the last image may be the reader's own.
 */
function buildPatchAlbum(data, model, choose, target) {
  const scene = choice({
    label: "images",
    options: data.scenes.map((name) => [name, name]),
    onchange: (name) => choose({ scene: name }),
  });
  const off = model.get("jitter") ? " and jitter" : "";
  const spacing = choice({
    label: "patches",
    options: [
      ["apart", `apart: ${model.get("gap")} pixels${off}`],
      ["touching", "touching"],
    ],
    onchange: (value) => choose({ spaced: value === "apart" }),
  });
  const {
    strip,
    own,
    update: show,
  } = album({ data, target, className: "ssl-patch-strip", choose, draw: data.pictureBitmap });
  const update = ({ scene: name, picture, spaced, hidden }) => {
    scene.set(name);
    spacing.set(spaced ? "apart" : "touching");
    strip.classList.toggle("ssl-covered", hidden); // whole images would give the answer away
    own.classList.toggle("ssl-covered", hidden);
    show(name, hidden ? -1 : picture);
  };
  const element = h(
    "div",
    { class: "ssl-row" },
    ...(data.scenes.length > 1 ? [scene.element] : []),
    spacing.element,
    strip,
    own,
  );
  return { element, update };
}

/** The whole image, with outlines where the two patches were cut. */
function buildWhole(data) {
  const canvas = h("canvas", { role: "img" });
  const element = h(
    "figure",
    { class: "ssl-patch-whole" },
    canvas,
    h("figcaption", { class: "ssl-quiet" }, "the image"),
  );
  const update = ({ scene, picture, place, hidden, cut: { patch, gap }, where }) => {
    const side = Math.min(element.clientWidth, 220);
    const context = context2d(canvas, side, side);
    const unit = side / data.size;
    const ink = css(colour(element, "--ssl-quiet"));
    const accent = css(colour(element, "--ssl-warm"));
    canvas.setAttribute(
      "aria-label",
      hidden
        ? "The image, covered while you guess"
        : `${data.nameOf(picture)}; the patch is ${PLACES[place]}`,
    );
    if (hidden) {
      context.fillStyle = css(colour(element, "--ssl-shade"));
      context.fillRect(0, 0, side, side);
      context.fillStyle = ink;
      context.font = `${side / 4}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText("?", side / 2, side / 2);
      return;
    }
    context.imageSmoothingEnabled = false;
    context.drawImage(data.pictureBitmap(scene, picture), 0, 0, side, side);
    const outline = ([top, left], width, style, dash = []) => {
      context.setLineDash(dash);
      for (const [line, strokeStyle] of [
        [width + 2, "#000"],
        [width, style],
      ]) {
        // dark below light, visible on any image
        Object.assign(context, { lineWidth: line, strokeStyle });
        context.strokeRect(left * unit, top * unit, patch * unit, patch * unit);
      }
    };
    const [centre, neighbour] = where;
    const step = patch + gap;
    CELLS.forEach(([row, column], k) => {
      // the other places around the centre patch
      if (k !== place)
        outline([centre[0] + (row - 1) * step, centre[1] + (column - 1) * step], 1, "#fff", [3, 4]);
    });
    outline(centre, 2, "#fff");
    outline(neighbour, 3, accent);
  };
  return { element, update };
}

/** The two patches, large, side by side. */
function buildPair(data, again) {
  const parts = ["centre", "where from?"].map((words) => {
    const canvas = h("canvas", {
      role: "img",
      "aria-label": words === "centre" ? "The centre patch" : "The other patch",
    });
    const caption = h("figcaption", { class: "ssl-quiet" }, words);
    return { canvas, element: h("figure", {}, canvas, caption), caption };
  });
  const cutAgain = button("Cut again", again);
  const element = h(
    "div",
    { class: "ssl-patch-pair" },
    h("div", {}, ...parts.map((part) => part.element)),
    cutAgain,
  );
  const update = ({ scene, picture, place, where, hidden }) => {
    parts.forEach(({ canvas, element: own }, k) => {
      const side = Math.min(own.clientWidth, 132);
      const context = context2d(canvas, side, side);
      context.imageSmoothingEnabled = false;
      context.drawImage(
        data.toBitmap(data.part(scene, picture, where[k]), data.patch),
        0,
        0,
        side,
        side,
      );
    });
    parts[1].caption.textContent = hidden ? "where from?" : PLACES[place];
    cutAgain.classList.toggle("ssl-covered", hidden);
  };
  return { element, update };
}

/** The eight places, with the probabilities of one network, and buttons to choose or to answer. */
function buildGrid(data, { move, press }) {
  const title = h("p", { class: "ssl-patch-title" });
  const cells = PLACES.map((_name, place) =>
    h(
      "button",
      { type: "button", onclick: () => press(place) },
      h("span", { class: "ssl-patch-number" }),
      h("span", { class: "ssl-patch-bar" }),
      h("span", { class: "ssl-patch-mark" }),
    ),
  );
  const centre = h("canvas", { role: "img", "aria-label": "The centre patch" });
  const board = h(
    "div",
    {
      class: "ssl-patch-board",
      role: "group",
      "aria-label": "Eight places around the centre patch",
      onkeydown: keys({
        ArrowUp: () => move(-1, 0),
        ArrowDown: () => move(1, 0),
        ArrowLeft: () => move(0, -1),
        ArrowRight: () => move(0, 1),
      }),
    },
    ...cells.slice(0, 4),
    h("div", { class: "ssl-patch-centre" }, centre),
    ...cells.slice(4),
  );
  const element = h("div", { class: "ssl-patch-grid" }, title, board);
  const focus = (place) => {
    cells.forEach((cell, k) => {
      cell.tabIndex = k === place ? 0 : -1;
    });
    cells[place].focus();
  };
  const update = ({ scene, picture, place, hidden, guesses, shown, round, aim, where }) => {
    const probabilities = guesses[shown];
    const best = argmax(probabilities);
    const name = data.networks[shown].name;
    title.replaceChildren(
      ...(hidden
        ? ["Where does the other patch come from?"]
        : [h("b", {}, name), ` says ${PLACES[best]}: ${best === place ? "right" : "wrong"}`]),
    );
    cells.forEach((cell, k) => {
      const [number, bar, mark] = cell.querySelectorAll("span");
      const percent = Math.round(100 * probabilities[k]);
      const yours = !hidden && round?.answer === k;
      const words = [PLACES[k]];
      number.textContent = hidden ? "?" : `${percent}%`;
      bar.style.width = hidden ? "0" : `${100 * probabilities[k]}%`;
      mark.textContent = hidden
        ? ""
        : [k === place ? "✓" : "", yours ? "you" : ""].filter(Boolean).join(" ");
      if (!hidden)
        words.push(
          `${percent} percent`,
          ...(k === place ? ["the patch's place"] : []),
          ...(yours ? ["your answer"] : []),
        );
      cell.setAttribute("aria-label", words.join(", "));
      cell.setAttribute("aria-pressed", `${!hidden && k === place}`);
      cell.classList.toggle("ssl-best", !hidden && k === best);
      cell.tabIndex = k === (hidden ? aim : place) ? 0 : -1;
    });
    const side = centre.parentElement?.clientWidth ?? 0;
    const context = context2d(centre, side, side);
    context.imageSmoothingEnabled = false;
    context.drawImage(
      data.toBitmap(data.part(scene, picture, where[0]), data.patch),
      0,
      0,
      side,
      side,
    );
  };
  return { element, cells, focus, update };
}

/**
 * The answer of each network, and its accuracy on all pairs, counted in the background.
 */
function buildNetworks(data, choose, queue) {
  const counts = {}; // by spacing: per network and set { right, done }
  const total = 8 * data.count;
  const jobs = [];
  let next = 0;
  const work = background(() => {
    const { spaced, set, picture } = jobs[next++];
    const cut = data.howToCut(spaced);
    data.networks.forEach((network, k) =>
      PLACES.forEach((_, place) => {
        const where = corners(data.size, cut, place, picture);
        const guess = network.guess(data.scenes[set], picture, where);
        if (argmax(guess) === place) counts[spaced][k][set].right++;
        counts[spaced][k][set].done++;
      }),
    );
    return next < jobs.length;
  }, queue);
  const count = (spaced) => {
    counts[spaced] = data.networks.map(() => data.scenes.map(() => ({ right: 0, done: 0 })));
    data.scenes.forEach((_, set) => {
      for (let picture = 0; picture < data.count; picture++) jobs.push({ spaced, set, picture });
    });
    work.start();
  };
  const heads = data.scenes.map((name) => h("th", { scope: "col" }, name));
  const caption = h("caption");
  const rows = data.networks.map(({ name }) => {
    const says = h("td");
    const cells = data.scenes.map(() => h("td"));
    return { says, cells, element: h("tr", {}, h("th", { scope: "row" }, name), says, ...cells) };
  });
  const table = h(
    "table",
    { class: "ssl-patch-tally" },
    caption,
    h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col" }, "says now"), ...heads)),
    h("tbody", {}, ...rows.map((row) => row.element)),
  );
  const which = choice({
    label: "the grid shows the probabilities of",
    options: data.networks.map(({ name }) => [name, name]),
    onchange: (name) => choose({ network: name }),
  });
  const element = h("div", {}, ...(data.networks.length > 1 ? [which.element] : []), table);
  const update = ({ scene, place, spaced, hidden, guesses, shown }) => {
    if (!counts[spaced]) count(spaced);
    which.set(data.networks[shown].name);
    caption.textContent =
      `Correct answers, all ${data.count} images in all eight places, ` +
      `patches ${spaced ? "apart" : "touching"}; chance: 12.5%`;
    heads.forEach((head, set) => head.classList.toggle("ssl-best", data.scenes[set] === scene));
    rows.forEach(({ says, cells }, k) => {
      const best = argmax(guesses[k]);
      says.textContent = hidden ? "waits for you" : `${PLACES[best]} ${best === place ? "✓" : "✗"}`;
      counts[spaced][k].forEach(({ right, done }, set) => {
        cells[set].textContent = done < total ? "…" : `${Math.round((100 * right) / total)}%`;
      });
    });
  };
  return { element, update, end: work.stop };
}

/** The game: what to do, the result, and the scores. */
function buildPatchGame(data, { start, stop }) {
  const words = h("p", { class: "ssl-patch-words" });
  const begin = button("Play against the networks", start, { class: "ssl-button ssl-main" });
  const end = button("Stop", stop);
  const score = h("p", { class: "ssl-patch-score" });
  const element = h(
    "div",
    { class: "ssl-patch-game", role: "group", "aria-label": "Game" },
    words,
    h("div", { class: "ssl-row" }, begin, end, score),
  );
  const update = ({ round, hidden, place, score: { rounds, you, networks } }) => {
    begin.hidden = hidden;
    end.hidden = !round;
    begin.replaceChildren(round ? "Next pair" : "Play against the networks");
    const verdict = round?.answer === place ? "right" : "wrong";
    words.textContent = hidden
      ? "Choose a place in the grid: click it, or point with the arrow keys and press Enter."
      : round
        ? `It is ${PLACES[place]}. You said ${PLACES[round.answer]}: ${verdict}.`
        : "Choose a place in the grid to cut out the patch there. Or play: you see only two " +
          "patches, and you and the networks guess the place.";
    score.textContent = rounds
      ? `After ${rounds}: you ${you}` +
        data.networks.map(({ name }, k) => ` · ${name} ${networks[k]}`).join("")
      : "";
  };
  return { element, begin, update };
}

export default { render };
