// Rotate an image, and the networks guess by how much. The convolutions are in convnet.js.

import { argmax, forward, rotated, softmax, weightsOf } from "../nn/convnet.js";
import { album } from "../shared/album.js";
import { background } from "../shared/background.js";
import { context2d } from "../shared/canvas.js";
import { choice, slider } from "../shared/controls.js";
import { button, h, liveRegion, notice, rich } from "../shared/elements.js";
import { frame } from "../shared/frame.js";
import { bitmapOf } from "../shared/images.js";
import { keys, losesFocus } from "../shared/keyboard.js";
import { bytesOf, save } from "../shared/state.js";

const TURNS = [0, 90, 180, 270]; // anticlockwise, the four answers

const NOTICE = [
  "Where the horizon is level, it gives the answer away, and a network may learn it and nothing",
  "else.",
  "Choose the images in which the horizon tells nothing: which network still knows, and which",
  "falls towards chance, 25%?",
  "What is left to go by is the object.",
].join(" ");
const SHORT_NOTICE = [
  "The landscapes are tipped at random, so only the object gives the answer.",
  "Which objects does the network know, and which ones tell nothing?",
].join(" ");

/**
 * The class of an angle, or -1 if it is not a multiple of 90°.
 * @param {number} angle
 */
export function answerTo(angle) {
  return TURNS.indexOf(((angle % 360) + 360) % 360);
}

/** Unpack the images and networks, with a function that guesses for each network. */
function unpack(model) {
  const [, count, size, , channels] = model.get("shape");
  const scenes = model.get("scenes");
  const pixels = bytesOf(model, "pictures");
  const each = size * size * channels;
  const networks = model.get("networks").map(({ name, layers, start }) => {
    const own = weightsOf(model, layers, start);
    return { name, guess: (image) => softmax(forward(layers, own(), image, size)) };
  });
  /** @type {any} */
  let own = null; // the reader's own image, the same in every set; its number is `count`
  const view = (scene, picture, angle) => {
    const at = (Math.max(0, scenes.indexOf(scene)) * count + picture) * each;
    return rotated(picture < count ? pixels.subarray(at, at + each) : own, size, channels, angle);
  };
  const toBitmap = (image) => bitmapOf(image, channels, size);
  const labels = model.get("labels");
  const nameOf = (k) => (k < count ? (labels[k] ?? `image ${k + 1}`) : "your image");
  return {
    count,
    size,
    channels,
    scenes,
    networks,
    view,
    toBitmap,
    nameOf,
    total: () => count + (own ? 1 : 0),
    setOwn: (bytes) => {
      own = bytes;
    },
  };
}

function render({ model, el }) {
  const data = unpack(model);
  const compact = model.get("compact");
  const live = liveRegion();
  /** @type {{ turn: number, answer: number | null } | null} */
  let round = null; // while a round is played; the answer is null until it is given
  /** @type {number | null} */
  let dragFrom = null;
  let said = "";
  /** @type {string | null} */
  let phase = null;

  const box = frame(
    {
      model,
      el,
      name: "rotation",
      title: "Which way up? Rotate an image, and watch networks guess",
    },
    redraw,
    { scene: { of: data.scenes }, picture: [0, data.count - 1], angle: [0, 359] },
  );
  // the last, if the reader gave no image
  const chosen = () => Math.min(model.get("picture"), data.total() - 1);
  const choose = (values) => {
    round = null;
    save(model, values);
    box.queue();
  };
  const turnTo = (angle) => {
    if (round?.answer === null) return; // no rotating while the answer is open
    choose({ angle: ((Math.round(angle) % 360) + 360) % 360 });
  };
  const turnBy = (degrees) => turnTo(model.get("angle") + degrees);

  const stage = buildStage(model, { turnBy, turnTo });
  const choosing = buildAlbum(data, choose, box.root);
  const answers = buildAnswers(data);
  const game = buildGame(data, {
    start,
    answer,
    stop: () => {
      round = null;
      box.queue();
    },
  });
  const tally = compact ? null : buildTally(data, box.queue);
  box.root.append(
    choosing.element,
    h(
      "div",
      { class: "ssl-rotation" },
      stage.element,
      h("div", { class: "ssl-side" }, answers.element, ...(tally ? [tally.element] : [])),
    ),
    game.element,
    notice(rich(compact ? SHORT_NOTICE : NOTICE)),
    live.element,
  );

  function redraw() {
    if (!box.root.clientWidth) return;
    const scene = model.get("scene");
    const picture = chosen();
    const angle = round ? TURNS[round.turn] : model.get("angle");
    const hidden = round?.answer === null;
    const image = data.view(scene, picture, angle);
    const guesses = data.networks.map((network) => network.guess(image));
    const state = {
      scene,
      picture,
      angle,
      hidden,
      guesses,
      round,
      right: answerTo(angle),
      score: model.get("score"),
    };
    stage.update(state, data, image);
    choosing.update(state);
    answers.update(state);
    const lost = losesFocus(box.root, () => game.update(state));
    tally?.update(state);
    const words = hidden
      ? ""
      : `${angle} degrees. ` +
        data.networks
          .map(({ name }, k) => {
            const best = argmax(guesses[k]);
            const percent = Math.round(100 * guesses[k][best]);
            return `${name}: ${TURNS[best]} degrees, ${percent} percent.`;
          })
          .join(" ");
    if (said && words !== said && !round) live.say(words);
    said = words;
    const now = !round ? "free" : hidden ? "guess" : "told";
    if (lost || (now !== phase && now !== "free")) (hidden ? stage.canvas : game.begin).focus();
    phase = now;
  }

  /** Start a round: a random image with a random rotation, the networks' answers covered. */
  function start() {
    const other = Math.floor(Math.random() * (data.total() - 1));
    const picture = data.total() === 1 ? 0 : other < chosen() ? other : other + 1;
    round = { turn: Math.floor(Math.random() * 4), answer: null };
    save(model, { picture });
    live.say(
      "An image was rotated. By how much? Keys 1 to 4 answer: 0, 90, 180, 270 degrees " +
        "anticlockwise.",
    );
    box.queue();
  }

  function answer(given) {
    if (round?.answer !== null) return; // no round, or answered already
    const { turn } = round;
    const image = data.view(model.get("scene"), chosen(), TURNS[turn]);
    const right = data.networks.map((network) => argmax(network.guess(image)) === turn);
    const score = model.get("score");
    round = { turn, answer: given };
    save(model, {
      angle: TURNS[turn],
      score: {
        rounds: score.rounds + 1,
        you: score.you + (given === turn),
        networks: score.networks.map((points, k) => points + right[k]),
      },
    });
    live.say(
      `It was ${TURNS[turn]} degrees. You are ${given === turn ? "right" : "wrong"}. ` +
        data.networks.map(({ name }, k) => `${name} is ${right[k] ? "right" : "wrong"}.`).join(" "),
    );
    box.queue();
  }

  const answerKeys = Object.fromEntries(TURNS.map((_, k) => [`${k + 1}`, () => answer(k)]));
  box.root.addEventListener("keydown", keys({ ...answerKeys, n: start }));

  // Dragging rotates about the centre; a vertical swipe still scrolls the page.
  const direction = (event) => {
    const { left, top, width, height } = stage.canvas.getBoundingClientRect();
    return (
      (Math.atan2(top + height / 2 - event.clientY, event.clientX - left - width / 2) * 180) /
      Math.PI
    );
  };
  stage.canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || round?.answer === null) return;
    dragFrom = model.get("angle") - direction(event);
    stage.canvas.setPointerCapture(event.pointerId);
  });
  stage.canvas.addEventListener("pointermove", (event) => {
    if (dragFrom === null) return;
    const angle = dragFrom + direction(event);
    const nearest = 90 * Math.round(angle / 90);
    turnTo(Math.abs(angle - nearest) < 5 ? nearest : angle); // it snaps to multiples of 90°
  });
  for (const name of ["pointerup", "pointercancel"])
    stage.canvas.addEventListener(name, () => {
      dragFrom = null;
    });
  return () => {
    tally?.end();
    box.end();
  };
}

/** The image, large, with the controls that rotate it. */
function buildStage(model, { turnBy, turnTo }) {
  const canvas = h("canvas", {
    class: "ssl-picture",
    role: "slider",
    tabindex: 0,
    "aria-valuemin": 0,
    "aria-valuemax": 359,
    onkeydown: keys({ ArrowLeft: () => turnBy(90), ArrowRight: () => turnBy(-90) }),
  });
  const fine = slider({
    label: "rotated",
    min: 0,
    max: 359,
    format: (v) => `${v}° anticlockwise`,
    oninput: turnTo,
  });
  const left = button("↺ 90°", () => turnBy(90), { "aria-label": "Rotate left by 90 degrees" });
  const right = button("↻ 90°", () => turnBy(-90), { "aria-label": "Rotate right by 90 degrees" });
  const controls = h("div", { class: "ssl-row ssl-turning" }, left, right, fine.element);
  const note = h("p", { class: "ssl-quiet" });
  const element = h(
    "div",
    { class: "ssl-stage" },
    canvas,
    controls,
    ...(model.get("compact") ? [] : [note]),
  );
  const update = ({ angle, hidden, picture, scene, right: quarter }, data, image) => {
    const side = Math.min(element.clientWidth, 340);
    const context = context2d(canvas, side, side);
    context.imageSmoothingQuality = "high";
    context.drawImage(data.toBitmap(image), 0, 0, side, side);
    // the reader's own is the same in every set
    const where = picture < data.count ? `, ${scene}` : "";
    canvas.setAttribute("aria-label", `${data.nameOf(picture)}${where}; arrow keys rotate it`);
    canvas.setAttribute("aria-valuenow", hidden ? 0 : angle);
    canvas.setAttribute(
      "aria-valuetext",
      hidden ? "rotated by an unknown angle" : `rotated ${angle} degrees anticlockwise`,
    );
    fine.set(hidden ? 0 : angle);
    controls.inert = hidden;
    controls.classList.toggle("ssl-covered", hidden);
    const yours =
      picture < data.count
        ? ""
        : `Your image as the networks get it: its centre, ${data.size} × ${data.size} pixels. `;
    note.textContent = hidden
      ? "No rotating while you guess."
      : yours +
        (quarter >= 0
          ? "Drag, or press ← → on the image. The networks were trained on these rotations."
          : "Between multiples of 90° the networks see what they never saw in training: " +
            "resampled pixels, and corners of mid-grey (0 to the network) outside the image.");
  };
  return { element, canvas, update };
}

/** The choice of set and image; the last image may be the reader's own. */
function buildAlbum(data, choose, target) {
  const scene = choice({
    label: "images",
    options: data.scenes.map((name) => [name, name]),
    onchange: (name) => choose({ scene: name }),
  });
  const {
    strip,
    own,
    update: show,
  } = album({
    data,
    target,
    className: "ssl-strip",
    choose,
    draw: (name, k) => data.toBitmap(data.view(name, k, 0)),
  });
  const update = ({ scene: name, picture, hidden }) => {
    scene.set(name);
    strip.classList.toggle("ssl-covered", hidden); // upright images would give the answer away
    own.classList.toggle("ssl-covered", hidden);
    show(name, picture);
  };
  const element = h(
    "div",
    { class: "ssl-row" },
    ...(data.scenes.length > 1 ? [scene.element] : []),
    strip,
    own,
  );
  return { element, update };
}

/** Four probabilities of each network, as bars with numbers. */
function buildAnswers(data) {
  const tables = data.networks.map(({ name }) => {
    const rows = TURNS.map((turn) => {
      const bar = h("div", { class: "ssl-fill" });
      const number = h("td");
      const mark = h("span", { class: "ssl-mark" });
      return {
        bar,
        number,
        mark,
        element: h(
          "tr",
          {},
          h("th", { scope: "row" }, `${turn}°`, mark),
          h("td", { class: "ssl-track" }, bar),
          number,
        ),
      };
    });
    const verdict = h("span", { class: "ssl-verdict" });
    const element = h(
      "table",
      {},
      h("caption", {}, h("b", {}, name), " ", verdict),
      h("tbody", {}, ...rows.map((row) => row.element)),
    );
    return { rows, verdict, element };
  });
  const element = h("div", { class: "ssl-answers" }, ...tables.map((table) => table.element));
  const update = ({ guesses, hidden, right }) =>
    tables.forEach(({ rows, verdict }, k) => {
      const best = argmax(guesses[k]);
      rows.forEach(({ bar, number, mark, element }, turn) => {
        const probability = hidden ? 0 : guesses[k][turn];
        bar.style.width = `${100 * probability}%`;
        number.textContent = hidden ? "?" : probability.toFixed(3);
        mark.textContent = !hidden && turn === right ? " ✓" : "";
        element.classList.toggle("ssl-best", !hidden && turn === best);
      });
      verdict.textContent = hidden
        ? "waits for you"
        : `says ${TURNS[best]}°${right < 0 ? "" : best === right ? ": right" : ": wrong"}`;
    });
  return { element, update };
}

/**
 * The accuracy on every image of every set in all four rotations, counted in the background.
 */
function buildTally(data, queue) {
  const cells = data.networks.map(() => data.scenes.map(() => h("td")));
  const counts = data.networks.map(() => data.scenes.map(() => ({ right: 0, done: 0 })));
  const total = 4 * data.count;
  const jobs = [];
  for (let s = 0; s < data.scenes.length; s++)
    for (let k = 0; k < total; k++) jobs.push([s, k >> 2, k & 3]);
  let next = 0;
  const work = background(() => {
    const [s, picture, turn] = jobs[next++];
    const image = data.view(data.scenes[s], picture, TURNS[turn]);
    data.networks.forEach((network, k) => {
      if (argmax(network.guess(image)) === turn) counts[k][s].right++;
      counts[k][s].done++;
    });
    return next < jobs.length;
  }, queue);
  work.start();
  const heads = data.scenes.map((name) => h("th", { scope: "col" }, name));
  const element = h(
    "table",
    { class: "ssl-tally" },
    h("caption", {}, `Correct answers, all ${data.count} images in all four rotations`),
    h("thead", {}, h("tr", {}, h("td"), ...heads)),
    h(
      "tbody",
      {},
      ...data.networks.map(({ name }, k) =>
        h("tr", {}, h("th", { scope: "row" }, name), ...cells[k]),
      ),
    ),
  );
  const update = ({ scene }) => {
    heads.forEach((head, s) => head.classList.toggle("ssl-best", data.scenes[s] === scene));
    counts.forEach((row, k) =>
      row.forEach(({ right, done }, s) => {
        cells[k][s].textContent = done < total ? "…" : `${Math.round((100 * right) / total)}%`;
      }),
    );
  };
  return { element, update, end: work.stop };
}

/** The game: four answers, and the scores. */
function buildGame(data, { start, answer, stop }) {
  const words = h("p", { class: "ssl-words" });
  const invitation =
    data.networks.length > 1 ? "Play against the networks" : "Play against the network";
  const begin = button(invitation, start, { class: "ssl-button ssl-main" });
  const end = button("Stop", stop);
  const buttons = TURNS.map((turn, k) =>
    button(`<kbd>${k + 1}</kbd> ${turn}°`, () => answer(k), { "aria-keyshortcuts": `${k + 1}` }),
  );
  const choices = h(
    "div",
    {
      class: "ssl-row ssl-choices",
      role: "group",
      "aria-label": "By how much was it rotated, anticlockwise?",
    },
    ...buttons,
  );
  const score = h("p", { class: "ssl-score" });
  const element = h(
    "div",
    { class: "ssl-game", role: "group", "aria-label": "Game" },
    words,
    h("div", { class: "ssl-row" }, choices, begin, end, score),
  );
  const update = ({ round, hidden, score: { rounds, you, networks } }) => {
    choices.hidden = !hidden;
    end.hidden = !round;
    begin.hidden = hidden;
    begin.replaceChildren(round ? "Next image" : invitation);
    const verdict = round?.answer === round?.turn ? "right" : "wrong";
    words.textContent = hidden
      ? "By how much was this image rotated, anticlockwise?"
      : round
        ? `It was rotated by ${TURNS[round.turn]}°. You said ${TURNS[round.answer]}°: ${verdict}.`
        : "Game: the image is rotated out of sight, and you and the network guess the angle.";
    score.textContent = rounds
      ? `After ${rounds}: you ${you}` +
        data.networks.map(({ name }, k) => ` · ${name} ${networks[k]}`).join("")
      : "";
  };
  return { element, begin, update };
}

export default { render };
