// An image in nine shuffled tiles: you swap them, and the network names the permutation. Tiles are
// cut out of whole images here; the convolutions are in convnet.js.

/** @import { Numbers } from "../shared/types.js" */

import { applyHead, argmax, encode, sideBySide, softmax, weightsOf } from "../nn/convnet.js";
import { background } from "../shared/background.js";
import { context2d } from "../shared/canvas.js";
import { colour, css } from "../shared/colours.js";
import { choice } from "../shared/controls.js";
import { button, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { bitmapOf, cutOut } from "../shared/images.js";
import { keys, losesFocus } from "../shared/keyboard.js";
import { allowed } from "../shared/link.js";
import { drawsOf } from "../shared/random.js";
import { bytesOf, save } from "../shared/state.js";

const GRID = 3;
const TILES = 9;
const LETTERS = "ABCDEFGHI";
const PLACE_NAMES = [
  "top left",
  "top",
  "top right",
  "left",
  "centre",
  "right",
  "bottom left",
  "bottom",
  "bottom right",
];
const SHOWN = 3; // guesses of the network that are shown

const HOW = "Drag a tile onto another, or tap one and then the other.";
const NOTICE = [
  "The network looks at all nine tiles once and names a shuffle; it does not try and look",
  "again, as you do.",
  "And it can only name shuffles of its set.",
  "Swap two tiles: the board is now in an order that it does not know, and the image it puts",
  "together cannot be whole, however confident it is.",
  "Where it is wrong, are there tiles that could change places without anyone noticing?",
].join(" ");

/**
 * Row and column of the upper left pixel of nine tiles, one in each cell, at places that the draw
 * decides.
 * @param {number} size
 * @param {number} tile
 * @param {number} draw
 */
export function tileCorners(size, tile, draw) {
  const next = drawsOf(draw);
  const below = (n) => Math.floor(next() * n);
  const cell = Math.floor(size / GRID);
  const origin = [below((size % GRID) + 1), below((size % GRID) + 1)];
  return Array.from({ length: TILES }, (_, k) =>
    [Math.floor(k / GRID), k % GRID].map(
      (at, axis) => origin[axis] + at * cell + below(cell - tile + 1),
    ),
  );
}

/**
 * Give every channel the mean 0.5 and the standard deviation 0.25. A deviation below one of 255
 * levels counts as one.
 * @param {Float32Array} image
 * @param {number} channels
 */
export function normalized(image, channels) {
  const count = image.length / channels;
  const out = new Float32Array(image.length);
  for (let c = 0; c < channels; c++) {
    const plane = image.subarray(c * count, (c + 1) * count);
    const mean = plane.reduce((sum, v) => sum + v, 0) / count;
    const deviation = Math.sqrt(plane.reduce((sum, v) => sum + (v - mean) ** 2, 0) / count);
    const scale = 0.25 / Math.max(deviation, 1 / 255);
    plane.forEach((v, k) => {
      out[c * count + k] = 0.5 + (v - mean) * scale;
    });
  }
  return out;
}

/**
 * The order after two places have swapped their tiles.
 * @param {number[]} order
 * @param {number} a
 * @param {number} b
 */
export function swapped(order, a, b) {
  return order.map((_tile, place) => order[place === a ? b : place === b ? a : place]);
}

/**
 * The least number of swaps that solves an order: the tiles minus the cycles.
 * @param {number[]} order
 */
export function fewestSwaps(order) {
  const seen = new Set();
  let cycles = 0;
  for (let start = 0; start < order.length; start++) {
    if (seen.has(start)) continue;
    cycles++;
    for (let at = start; !seen.has(at); at = order[at]) seen.add(at);
  }
  return order.length - cycles;
}

/**
 * The tile at each position, if this permutation had shuffled the board: where[position] = tile.
 * @param {number[]} order
 * @param {number[]} permutation
 */
export function putBack(order, permutation) {
  const where = [];
  permutation.forEach((position, place) => {
    where[position] = order[place];
  });
  return where;
}

const inPlace = (order) => order.filter((tile, place) => tile === place).length;

/** The `count` classes with the largest probabilities, the largest first. */
function topOf(probabilities, count) {
  return probabilities
    .map((p, k) => [p, k])
    .sort((a, b) => b[0] - a[0])
    .slice(0, count)
    .map(([, k]) => k);
}

/**
 * The order that a link names: places 0 to 8, each once, or else undefined.
 * @param {string} text
 * @returns {number[] | undefined}
 */
export function orderOf(text) {
  const order = allowed({ list: [0, TILES - 1], length: TILES }, text);
  return order && new Set(order).size === TILES ? order : undefined;
}

/** Unpack the images, the network and its permutations. */
function unpackJigsaw(model) {
  const [count, size, , channels] = model.get("shape");
  const tile = model.get("tile");
  const pixels = bytesOf(model, "pictures");
  const each = size * size * channels;
  const { name, layers } = model.get("network");
  const permutations = model.get("permutations");
  const weights = weightsOf(model, layers);
  const toBitmap = (image, side) => bitmapOf(image, channels, side);
  const whole = (picture) => pixels.subarray(picture * each, (picture + 1) * each);
  const known = new Map(); // puzzles seen before, tile by tile
  const puzzle = (picture, draw) => {
    const key = `${picture} ${draw}`;
    if (!known.has(key)) {
      if (known.size > 100) known.clear();
      const plain = tileCorners(size, tile, draw).map((corner) =>
        cutOut(whole(picture), size, channels, corner, tile),
      );
      const seen = model.get("normalize_tiles")
        ? plain.map((image) => normalized(image, channels))
        : plain;
      known.set(key, {
        plain: plain.map((image) => toBitmap(image, tile)),
        seen: seen.map((image) => toBitmap(image, tile)),
        features: seen.map((image) => encode(layers, weights(), image, tile)),
      });
    }
    return known.get(key);
  };
  const guess = (picture, draw, order) => {
    const { features } = puzzle(picture, draw);
    return softmax(applyHead(layers, weights(), sideBySide(order.map((k) => features[k]))));
  };
  const pictureBitmap = (picture) =>
    toBitmap(cutOut(whole(picture), size, channels, [0, 0], size), size);
  return {
    count,
    tile,
    name,
    permutations,
    puzzle,
    guess,
    pictureBitmap,
    labels: model.get("labels"),
  };
}

function render({ model, el }) {
  const data = unpackJigsaw(model);
  const live = liveRegion();
  /** @type {{ open: boolean, right: boolean } | null} */
  let round = null; // while a puzzle is played; it is open until it is solved or given up
  let held = -1;
  let aim = 0; // the place that the arrow keys point at

  const box = frame(
    {
      model,
      el,
      name: "jigsaw",
      title: "A puzzle of nine shuffled tiles, for you and for a network",
    },
    redraw,
    {
      picture: [0, data.count - 1],
      permutation: [0, data.permutations.length - 1],
      draw: [0, 2 ** 31 - 1],
      order: orderOf,
      moves: [0, 9999],
      as_seen: true,
    },
  );
  const open = () => round?.open === true;
  const deal = (values) => {
    // put a puzzle on the board
    const permutation = values.permutation ?? model.get("permutation");
    const order = [...data.permutations[permutation]];
    held = -1;
    save(model, { ...values, order, moves: 0, solved: inPlace(order) === TILES });
    box.queue();
  };
  const choosePicture = (picture) => {
    round = null;
    deal({ picture });
  };

  const board = buildBoard(data, { press, move, drop, cancel });
  const network = buildNetwork(data, box.queue);
  const album = buildPuzzleAlbum(data, model, {
    choosePicture,
    show: (as_seen) => {
      save(model, { as_seen });
      box.queue();
    },
  });
  const game = buildPuzzleGame(data, {
    start,
    giveUp,
    again: () => {
      round = null;
      deal({});
    },
  });
  box.root.append(
    album.element,
    h("div", { class: "ssl-jig" }, board.element, network.element),
    game.element,
    notice(rich(NOTICE)),
    live.element,
  );

  function redraw() {
    if (!box.root.clientWidth) return;
    const picture = Math.min(model.get("picture"), data.count - 1);
    const order = model.get("order");
    const draw = model.get("draw");
    const probabilities = data.guess(picture, draw, order);
    const permutation = model.get("permutation");
    const bitmaps = data.puzzle(picture, draw)[model.get("as_seen") ? "seen" : "plain"];
    const state = {
      picture,
      order,
      permutation,
      bitmaps,
      probabilities,
      held,
      aim,
      round,
      open: open(),
      moves: model.get("moves"),
      solved: inPlace(order) === TILES,
      as_seen: model.get("as_seen"),
      score: model.get("score"),
    };
    const lost = losesFocus(box.root, () => {
      for (const part of [album, board, network, game]) part.update(state);
    });
    if (lost) game.begin.focus(); // the pressed button has disappeared
  }

  const letterAt = (place) => {
    const permutation = data.permutations[model.get("permutation")];
    return `tile ${LETTERS[permutation.indexOf(model.get("order")[place])]}`;
  };

  /** Move the pointer of the arrow keys; it wraps around at the edges. */
  function move(down, right) {
    const row = (Math.floor(aim / GRID) + down + GRID) % GRID;
    const column = ((aim % GRID) + right + GRID) % GRID;
    aim = row * GRID + column;
    live.say(
      `${PLACE_NAMES[aim]}: ${letterAt(aim)}${held >= 0 ? `, holding ${letterAt(held)}` : ""}`,
    );
    board.focus(aim);
    box.queue();
  }

  /** Pick a tile up, or swap the one that is picked up with the tile at this place. */
  function press(place) {
    aim = place;
    if (held < 0) {
      held = place;
      live.say(`Picked up ${letterAt(place)}. Choose where it goes.`);
      box.queue();
    } else drop(held, place);
  }

  function cancel() {
    if (held < 0) return;
    live.say(`Put ${letterAt(held)} back.`);
    held = -1;
    box.queue();
  }

  /** Swap the tiles of two places. */
  function drop(from, to) {
    held = -1;
    aim = to;
    if (from === to) {
      live.say(`Put ${letterAt(to)} back.`);
      box.queue();
      return;
    }
    const order = swapped(model.get("order"), from, to);
    const solved = inPlace(order) === TILES;
    const moves = model.get("moves") + 1;
    const words =
      `Swapped ${letterAt(from)} and ${letterAt(to)}. ` +
      `${inPlace(order)} of ${TILES} tiles are in place.`;
    save(model, { order, moves, solved });
    if (solved && open()) finish(1);
    live.say(
      solved ? `${words} Solved in ${moves} moves.${round ? ` ${networkSays()}` : ""}` : words,
    );
    box.queue();
  }

  /** Start a round: image, cut and permutation at random, with the network's answer covered. */
  function start() {
    const other = Math.floor(Math.random() * (data.count - 1));
    const P = data.permutations.length;
    const picture = data.count === 1 ? 0 : other < model.get("picture") ? other : other + 1;
    round = { open: true, right: false };
    deal({
      picture,
      permutation: P > 1 ? 1 + Math.floor(Math.random() * (P - 1)) : 0,
      draw: Math.floor(Math.random() * 1e6),
    });
    aim = 0;
    board.focus(aim);
    live.say("A new puzzle. Arrow keys move, Enter picks a tile up and drops it.");
    if (model.get("solved")) finish(1); // the set holds only the identity
  }

  /** End a round: the network is judged by the tiles in their first order. */
  function finish(you) {
    const permutation = model.get("permutation");
    const score = model.get("score");
    const said = topOf(
      data.guess(model.get("picture"), model.get("draw"), data.permutations[permutation]),
      1,
    )[0];
    round = { open: false, right: said === permutation };
    save(model, {
      score: {
        rounds: score.rounds + 1,
        you: score.you + you,
        network: score.network + (round.right ? 1 : 0),
      },
    });
  }
  const networkSays = () =>
    `The network named the shuffle ${round?.right ? "correctly" : "incorrectly"}.`;

  function giveUp() {
    finish(0);
    deal({}); // the first order again, since that is what the network was judged by
    live.say(`Given up. ${networkSays()}`);
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
    network.end();
    box.end();
  };
}

/** The choice of the image, and of how tiles are shown. */
function buildPuzzleAlbum(data, model, { choosePicture, show }) {
  const view = choice({
    label: "tiles",
    options: [
      ["plain", "as they are"],
      ["seen", "as the network sees them"],
    ],
    onchange: (value) => show(value === "seen"),
  });
  const strip = h("div", {
    class: "ssl-jig-strip",
    role: "group",
    "aria-label": "Choose an image",
  });
  const buttons = Array.from({ length: data.count }, (_, k) => {
    const element = h(
      "button",
      {
        type: "button",
        onclick: () => choosePicture(k),
        "aria-label": data.labels[k] ?? `image ${k + 1}`,
      },
      data.pictureBitmap(k),
    );
    strip.append(element);
    return element;
  });
  const update = ({ picture, open, as_seen }) => {
    view.set(as_seen ? "seen" : "plain");
    strip.classList.toggle("ssl-covered", open); // whole images would give the answer away
    buttons.forEach((element, k) =>
      element.setAttribute("aria-pressed", `${!open && k === picture}`),
    );
  };
  const element = h(
    "div",
    { class: "ssl-row" },
    ...(model.get("normalize_tiles") ? [view.element] : []),
    strip,
  );
  return { element, update };
}

/** The nine tiles, which can be tapped one after the other, dragged, or moved by keys. */
function buildBoard(data, { press, move, drop, cancel }) {
  const title = h("p", { class: "ssl-jig-title" });
  const tiles = PLACE_NAMES.map(() => h("canvas"));
  const cells = tiles.map((canvas) =>
    h("button", { type: "button", class: "ssl-jig-tile" }, canvas),
  );
  const grid = h(
    "div",
    {
      class: "ssl-jig-board",
      role: "group",
      "aria-label": "The board: nine tiles",
      onkeydown: keys({
        ArrowUp: () => move(-1, 0),
        ArrowDown: () => move(1, 0),
        ArrowLeft: () => move(0, -1),
        ArrowRight: () => move(0, 1),
        Escape: cancel,
      }),
    },
    ...cells,
  );
  const element = h("div", { class: "ssl-jig-side" }, title, grid);
  /** @type {{ from: number, x: number, y: number, moved: boolean } | null} */
  let drag = null;
  /** @type {(from: number, dx: number, dy: number) => void} */
  const lift = (from, dx, dy) => {
    tiles[from].style.transform = `translate(${dx}px, ${dy}px)`;
    cells[from].classList.add("ssl-jig-lifted");
  };
  const rest = () => {
    if (!drag) return;
    tiles[drag.from].style.transform = "";
    cells[drag.from].classList.remove("ssl-jig-lifted");
  };
  cells.forEach((cell, place) => {
    let dragged = false;
    cell.addEventListener("click", ({ detail }) => {
      if (!dragged || !detail) press(place); // a click without detail comes from the keyboard
      dragged = false;
    });
    cell.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.isPrimary) return; // one finger at a time
      dragged = false;
      drag = { from: place, x: event.clientX, y: event.clientY, moved: false };
      cell.setPointerCapture(event.pointerId);
    });
    cell.addEventListener("pointermove", (event) => {
      if (!drag || !event.isPrimary) return;
      const dx = event.clientX - drag.x;
      const dy = event.clientY - drag.y;
      drag.moved ||= Math.hypot(dx, dy) > 6;
      if (drag.moved) lift(drag.from, dx, dy);
    });
    cell.addEventListener("pointerup", ({ clientX, clientY, isPrimary }) => {
      if (!drag || !isPrimary) return;
      const { moved, from } = drag;
      rest();
      drag = null;
      if (!moved) return; // a click follows
      dragged = true;
      const to = cells.findIndex((other) => {
        const { left, right, top, bottom } = other.getBoundingClientRect();
        return clientX >= left && clientX < right && clientY >= top && clientY < bottom;
      });
      drop(from, to < 0 ? from : to);
    });
    cell.addEventListener("pointercancel", ({ isPrimary }) => {
      if (isPrimary) {
        rest();
        drag = null;
      }
    });
  });
  const focus = (place) => {
    cells.forEach((cell, k) => {
      cell.tabIndex = k === place ? 0 : -1;
    });
    cells[place].focus();
  };
  const update = ({ order, permutation, bitmaps, held, aim, picture, open, moves, solved }) => {
    const what = open ? "" : `${data.labels[picture] ?? `image ${picture + 1}`}, `;
    title.replaceChildren(
      h("b", {}, solved ? "Solved" : "Yours to solve"),
      ` ${moves} ${moves === 1 ? "swap" : "swaps"}`,
    );
    grid.setAttribute("aria-label", `The board: ${what}nine tiles`);
    cells.forEach((cell, place) => {
      const letter = LETTERS[data.permutations[permutation].indexOf(order[place])];
      cell.tabIndex = place === aim ? 0 : -1;
      cell.setAttribute(
        "aria-label",
        `${PLACE_NAMES[place]}: tile ${letter}${place === held ? ", picked up" : ""}`,
      );
      cell.setAttribute("aria-pressed", `${place === held}`);
      const side = cell.clientWidth;
      const context = context2d(tiles[place], side, side);
      context.imageSmoothingEnabled = false;
      context.drawImage(bitmaps[order[place]], 0, 0, side, side);
    });
  };
  return { element, focus, update };
}

/**
 * What the network says about the present board, and its accuracy, counted in the background.
 */
function buildNetwork(data, queue) {
  const title = h("p", { class: "ssl-jig-title" });
  const guesses = Array.from({ length: Math.min(SHOWN, data.permutations.length) }, (_, _k) => {
    const canvas = h("canvas", { role: "img" });
    const bar = h("div", { class: "ssl-jig-bar" });
    const number = h("span", { class: "ssl-jig-number" });
    const words = h("span");
    const element = h(
      "li",
      {},
      canvas,
      h("div", { class: "ssl-jig-words" }, h("div", {}, number, " ", words), bar),
    );
    return { canvas, bar, number, words, element };
  });
  const list = h(
    "ol",
    { class: "ssl-jig-guesses", "aria-label": "The network's likeliest answers" },
    ...guesses.map((g) => g.element),
  );
  const tally = h("p", { class: "ssl-jig-tally ssl-quiet" });
  const element = h("div", { class: "ssl-jig-network" }, title, list, tally);
  const P = data.permutations.length;
  const total = data.count * P;
  let right = 0;
  let done = 0;
  const work = background(() => {
    const picture = Math.floor(done / P);
    const permutation = done % P;
    const probabilities = data.guess(picture, picture, data.permutations[permutation]);
    if (argmax(probabilities) === permutation) right++;
    done++;
    return done < total;
  }, queue);
  work.start(300);
  const update = ({ order, bitmaps, probabilities, open, moves, solved }) => {
    const top = topOf(probabilities, guesses.length);
    const best = putBack(order, data.permutations[top[0]]);
    const verdict = open
      ? "waits for you"
      : inPlace(best) === TILES
        ? solved
          ? "sees nothing to move: right"
          : "puts it together: right"
        : `puts ${inPlace(best)} of ${TILES} tiles in place`;
    title.replaceChildren(h("b", {}, data.name), ` ${verdict}`);
    guesses.forEach(({ canvas, bar, number, words, element: item }, k) => {
      const probability = probabilities[top[k]];
      const where = putBack(order, data.permutations[top[k]]);
      const side = k ? 60 : 150;
      const part = side / GRID;
      const context = context2d(canvas, side, side);
      context.imageSmoothingEnabled = false;
      context.fillStyle = css(colour(element, "--ssl-shade"));
      context.fillRect(0, 0, side, side);
      if (!open)
        where.forEach((tile, position) =>
          context.drawImage(
            bitmaps[tile],
            (position % GRID) * part,
            Math.floor(position / GRID) * part,
            part,
            part,
          ),
        );
      number.textContent = open ? "?" : `${(100 * probability).toFixed(1)}%`;
      const mark = inPlace(where) === TILES ? " ✓" : " ✗";
      words.textContent = open ? "" : `· ${inPlace(where)} of ${TILES} in place${k ? "" : mark}`;
      bar.style.width = open ? "0" : `${100 * probability}%`;
      item.classList.toggle("ssl-best", k === 0);
      canvas.setAttribute(
        "aria-label",
        open ? "Covered while you play" : `The image as guess ${k + 1} puts it together`,
      );
    });
    tally.textContent =
      (done < total
        ? "…"
        : `It names ${Math.round((100 * right) / total)}% of all ${total} shuffles correctly ` +
          `(${data.count} images, ${P} shuffles each); chance: ${(100 / P).toFixed(1)}%.`) +
      (moves && !solved && !open ? " The present board is hardly one of them." : "");
  };
  return { element, update, end: work.stop };
}

/** The game: what to do, the result, and the score of both. */
function buildPuzzleGame(data, { start, giveUp, again }) {
  const words = h("p");
  const begin = button("Play against the network", start, { class: "ssl-button ssl-main" });
  const stop = button("Give up", giveUp);
  const reset = button("Shuffle back", again);
  const score = h("p", { class: "ssl-jig-score" });
  const element = h(
    "div",
    { class: "ssl-jig-game", role: "group", "aria-label": "Game" },
    words,
    h("div", { class: "ssl-row" }, begin, reset, stop, score),
  );
  const update = ({ round, open, solved, moves, permutation, score: { rounds, you, network } }) => {
    begin.hidden = open;
    stop.hidden = !open;
    reset.hidden = open || !moves;
    begin.replaceChildren(round ? "Next puzzle" : "Play against the network");
    const fewest = fewestSwaps(data.permutations[permutation]);
    const took = `${moves} ${moves === 1 ? "swap" : "swaps"}; ${fewest} would be enough`;
    words.textContent = open
      ? `${HOW} With the keyboard: arrows move, Enter picks up and drops.`
      : round
        ? [
            solved ? `Solved in ${took}.` : `Given up; ${fewest} swaps would have been enough.`,
            `The network named ${round.right ? "the shuffle correctly" : "another shuffle"}.`,
          ].join(" ")
        : solved
          ? `Solved in ${took}.`
          : `${HOW} Or play: while you solve, the network's answer stays covered.`;
    score.textContent = rounds ? `After ${rounds}: you ${you} · ${data.name} ${network}` : "";
  };
  return { element, begin, update };
}

export default { render };
