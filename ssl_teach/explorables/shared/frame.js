// What every explorable needs: elements, labelled controls, words for screen readers, the theme.
// Joined in front of each explorable's own file, so it declares functions and runs nothing.
// SCOPE, which `join` declares, is the class of the root by which the explorable's own styles know it.

/** An element: h("button", { type: "button", onclick }, "Next"). */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") && value != null) element.setAttribute(name, value); // "true" or "false" in words
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Several marked-up children out of trusted text of our own, such as "s<sub>ij</sub>". */
function rich(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return template.content;
}

let lastId = 0;
const freshId = () => `ssl-x${++lastId}-${Math.random().toString(36).slice(2, 7)}`;

/** A slider with its label and its value in sight; `format` also is what a screen reader says. */
function slider({ label, min, max, step = 1, format = String, oninput }) {
  const id = freshId(), output = h("output", { for: id });
  const input = h("input", { id, type: "range", min, max, step, oninput: () => oninput(+input.value) });
  const element = h("div", { class: "ssl-control ssl-slider" },
    h("label", { for: id }, rich(label), " ", output), input);
  const set = (value) => {
    input.value = value;
    output.textContent = format(value);
    input.setAttribute("aria-valuetext", format(value));
  };
  return { element, input, set };
}

/** Numbers from least to most on a slider whose positions 0, 1 … count factors, rounded to some digits. */
function logScale(least, most, positions, digits) {
  const round = (value) => +value.toPrecision(digits);
  return {
    positions,
    at: (position) => round(least * (most / least) ** (position / positions)),
    of: (value) => Math.round((positions * Math.log(value / least)) / Math.log(most / least)),
    text: (value) => `${round(value)}`,
  };
}

/** A number with so many digits after the point, and a minus that is as wide as a plus. */
const fixed = (value, digits = 3) => value.toFixed(digits).replace("-", "−");

/** A choice of a few: radio buttons in a row, so that the browser brings the keyboard. */
function choice({ label, options, onchange }) {
  const name = freshId();
  const inputs = options.map(([value]) =>
    h("input", { type: "radio", name, value, onchange: () => onchange(value) }));
  const element = h("fieldset", { class: "ssl-control ssl-choice" }, h("legend", {}, rich(label)),
    h("div", {}, ...options.map(([, text], i) => h("label", {}, inputs[i], h("span", {}, text)))));
  const set = (value) => inputs.forEach((input) => (input.checked = input.value === value));
  return { element, inputs, set };
}

function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", class: "ssl-button", onclick, ...attributes }, rich(text));
}

/** Words for those who do not see the picture; the same words twice are said once. */
function liveRegion() {
  const element = h("p", { class: "ssl-hidden", "aria-live": "polite", role: "status" });
  return { element, say: (text) => { if (element.textContent !== text) element.textContent = text; } };
}

/**
 * Bytes that Python sent under this name. "weights" and "thumbnails" may stand at the end of a page (book/_ext/static_widgets.py):
 * ask for them when drawing, not before.
 */
function bytesOf(model, name) {
  const data = model.get(name) ?? new Uint8Array(); // a page may drop what is empty
  return new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
}

/** A value that costs something, made when it is first asked for: const weights = lazy(() => …), then weights(). */
function lazy(make) {
  let made = null;
  return () => (made ??= { value: make() }).value;
}

/** Half-precision numbers, little endian, as a Float32Array. */
export function decodeHalf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(bytes.byteLength >> 1);
  for (let i = 0; i < out.length; i++) {
    const bits = view.getUint16(2 * i, true);
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 31) out[i] = fraction ? NaN : sign * Infinity;
    else if (exponent === 0) out[i] = sign * fraction * 2 ** -24;
    else out[i] = sign * (1024 + fraction) * POWERS[exponent];
  }
  return out;
}
const POWERS = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 25));

/** Sets several values and sends them to Python. */
function save(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

/** Whether the page around us is dark: Sphinx's theme, JupyterLab, Colab, VS Code, else the system. */
function isDark() {
  const html = document.documentElement, body = document.body;
  const said = html.dataset.theme ?? html.getAttribute("theme");
  if (said === "dark" || said === "light") return said === "dark";
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
  if (body.dataset.vscodeThemeKind) return !body.dataset.vscodeThemeKind.endsWith("light");
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** A colour named in frame.css, as [red, green, blue]. */
function colour(root, name) {
  const hex = getComputedStyle(root).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

const css = (rgb) => `rgb(${rgb.map(Math.round).join(" ")})`;
const mix = (a, b, t) => a.map((v, i) => v + (b[i] - v) * t);

/** When the whole page has been read: drawing one explorable should not hold up the ones below it. */
const pageRead = (call) => document.readyState === "loading" ? document.addEventListener("readystatechange", call, { once: true }) : call();

/**
 * The box an explorable lives in. `redraw` is called once a frame at most: after `queue()`, a change
 * of the model (also from Python), of size or of theme. `end` takes all that back.
 * `linked` names the values that a link to the figure carries, and what each may be; see `allowed`.
 */
function frame(model, el, name, redraw, linked = {}) {
  const root = h("section", { class: `ssl-explorable ${SCOPE}`, "aria-label": name, onkeydown: keepKey });
  el.append(root);
  if (el.classList.contains("ssl-widget") && Object.keys(linked).length) linkState(model, el, root, linked);
  let waiting = false, asked = 0;
  const draw = () => {
    waiting = false;
    redraw();
    root.dataset.drawn = "";
  };
  const queue = () => {
    if (waiting) return;
    waiting = true;
    pageRead(() => { asked = requestAnimationFrame(draw); });
  };
  const theme = () => {
    root.dataset.theme = isDark() ? "dark" : "light";
    queue();
  };
  const sizes = new ResizeObserver(queue), page = new MutationObserver(theme);
  const system = matchMedia("(prefers-color-scheme: dark)");
  sizes.observe(root);
  for (const element of [document.documentElement, document.body])
    page.observe(element, { attributeFilter: ["data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind"] });
  system.addEventListener("change", theme);
  model.on("change", queue);
  theme();
  const end = () => {
    cancelAnimationFrame(asked);
    sizes.disconnect();
    page.disconnect();
    system.removeEventListener("change", theme);
    model.off("change", queue);
    root.remove();
  };
  return { root, queue, end };
}

/**
 * What a link says of one value, or undefined if that cannot be: links are text from anybody.
 * `rule` is [least, most] for whole numbers, { least, most } for any numbers, true for yes or no,
 * { of: [words] } for one of some words, { list: rule, length } for so many of a kind; or a function
 * of the text, for what these cannot say.
 */
export function allowed(rule, text) {
  if (typeof rule === "function") return rule(text);
  if (rule === true) return text === "true" ? true : text === "false" ? false : undefined;
  if (rule.of) return rule.of.includes(text) ? text : undefined;
  if (rule.list) {
    const values = text.split(",").map((part) => allowed(rule.list, part));
    return values.length === rule.length && !values.includes(undefined) ? values : undefined;
  }
  const whole = Array.isArray(rule), [least, most] = whole ? rule : [rule.least, rule.most];
  const value = text.trim() === "" ? NaN : Number(text);
  return value >= least && value <= most && (!whole || Number.isInteger(value)) ? value : undefined;
}

/** The address of this page with the figure's state in it: page.html?circle.tau=0.2#circle */
export function linkTo(address, id, values) {
  const url = new URL(address);
  for (const name of [...url.searchParams.keys()]) if (name.startsWith(`${id}.`)) url.searchParams.delete(name);
  for (const [name, value] of Object.entries(values)) url.searchParams.set(`${id}.${name}`, `${value}`);
  url.hash = id;
  return url.href;
}

/** Takes the state out of the page's address, and offers a button that puts it into a link. */
function linkState(model, el, root, linked) {
  const said = new URL(document.location.href).searchParams;
  for (const [name, rule] of Object.entries(linked)) {
    const text = said.get(`${el.id}.${name}`), value = text === null ? undefined : allowed(rule, text);
    if (value !== undefined) model.set(name, value);
  }
  const shown = h("input", { type: "text", readonly: true, hidden: true, "aria-label": "Link to this state",
    onfocus: () => shown.select(), onkeydown: (event) => event.stopPropagation() }); // no letter in it is a command
  const words = h("span", { class: "ssl-quiet", role: "status" });
  const copy = async () => {
    const state = Object.keys(linked).map((name) => [name, model.get(name)]);
    const kept = state.filter(([name, value]) => allowed(linked[name], `${value}`) !== undefined);
    const without = kept.length < state.length ? " Not all of it goes into a link: a picture of your own, say, stays in this page." : "";
    shown.value = linkTo(document.location.href, el.id, Object.fromEntries(kept));
    try {
      await navigator.clipboard.writeText(shown.value);
      words.textContent = without ? `Copied.${without}` : "Copied: it brings back what you see now.";
    } catch { // the browser forbids it, as on pages that are not secure: the reader copies by hand
      shown.hidden = false;
      shown.focus();
      words.textContent = `Copy this link.${without}`;
    }
  };
  const foot = h("div", { class: "ssl-foot" }, button("Copy link to this state", copy, { class: "ssl-button ssl-small" }), words, shown);
  queueMicrotask(() => root.append(foot)); // last, when the explorable has put in its own parts
}

/** Builds the rows of a table anew; a button in it that had the focus gets it back, found by its name. */
function refocused(body, build, nameOf = (button) => button.textContent) {
  const focused = body.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  build();
  if (focused) [...body.querySelectorAll("button")].find((each) => nameOf(each) === focused)?.focus();
}

/** Runs `update`, and tells whether it put the element with the focus out of sight: a button may go by its own press. */
function losesFocus(root, update) {
  const focused = document.activeElement, ours = root.contains(focused);
  update();
  return ours && !focused.getClientRects().length;
}

/**
 * A picture of the reader's own, by a file, a photograph or a drop onto `target`. It stays in the page.
 * `onpicture` gets the middle square as (size, size, channels) bytes; `channels` is 1 or 3.
 */
function ownPicture({ target, size, channels, onpicture, label = "Use your own picture" }) {
  const id = freshId(), words = h("span", { class: "ssl-quiet", role: "status" });
  const take = async (file) => {
    if (!file) return;
    const picture = await createImageBitmap(file).catch(() => null);
    words.textContent = picture ? "It stays in this page." : `${file.name || "This"} could not be read as a picture: try a JPEG or PNG.`;
    if (!picture) return;
    onpicture(squareOf(picture, size, channels), file.name);
    picture.close();
  };
  const input = h("input", { id, type: "file", accept: "image/*", class: "ssl-file",
    onchange: () => { take(input.files[0]); input.value = ""; } });
  const element = h("div", { class: "ssl-own" }, input, h("label", { for: id, class: "ssl-button" }, label), words);
  const over = (event) => { if ([...event.dataTransfer.types].includes("Files")) event.preventDefault(); };
  target.addEventListener("dragover", over);
  target.addEventListener("drop", (event) => {
    over(event);
    take([...event.dataTransfer.files].find((file) => file.type.startsWith("image/")) ?? event.dataTransfer.files[0]);
  });
  return { element, input };
}

/**
 * The middle square of a picture as (size, size, channels) bytes. It shrinks to no less than half at a
 * time, so that no pixel is skipped; what is transparent lies on white.
 */
export function squareOf(picture, size, channels) {
  const side = Math.min(picture.width, picture.height);
  let steps = Math.max(0, Math.ceil(Math.log2(side / size))), canvas = null;
  for (let from = picture, left = (picture.width - side) / 2, top = (picture.height - side) / 2, length = side; ;) {
    const now = steps > 0 ? size * 2 ** --steps : size, last = now === size;
    canvas = h("canvas", { width: now, height: now });
    const context = canvas.getContext("2d", { willReadFrequently: last });
    Object.assign(context, { imageSmoothingQuality: "high", fillStyle: "white" });
    context.fillRect(0, 0, now, now); // behind what is transparent
    context.drawImage(from, left, top, length, length, 0, 0, now, now);
    if (last) break;
    [from, left, top, length] = [canvas, 0, 0, now];
  }
  const { data } = canvas.getContext("2d").getImageData(0, 0, size, size), out = new Uint8Array(size * size * channels);
  for (let p = 0; p < size * size; p++) {
    const rgb = data.subarray(4 * p, 4 * p + 3);
    if (channels === 3) out.set(rgb, 3 * p);
    else out[p] = Math.round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]);
  }
  return out;
}

/** A canvas as sharp as the screen: sets its size in CSS pixels and returns its context. */
function context2d(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.round(width * ratio), t = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== t) Object.assign(canvas, { width: w, height: t });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/**
 * A picture as a canvas of its own size; `value(x, y)` gives [red, green, blue], 0 to 255. It is filled
 * before the first `redraw`, and while the page is still being read not yet.
 */
function bitmap(width, height, value) {
  const canvas = h("canvas", { width, height });
  pageRead(() => {
    const context = canvas.getContext("2d"), image = context.createImageData(width, height);
    for (let y = 0, at = 0; y < height; y++)
      for (let x = 0; x < width; x++, at += 4) {
        const rgb = value(x, y);
        image.data[at] = rgb[0];
        image.data[at + 1] = rgb[1];
        image.data[at + 2] = rgb[2];
        image.data[at + 3] = 255;
      }
    context.putImageData(image, 0, 0);
  });
  return canvas;
}

/** Keys in an explorable are its own: in JupyterLab "x" takes its cell away, and arrows leave a slider where it is. */
function keepKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter")) return;
  event.stopPropagation();
}

/** Keys to actions: keys({ ArrowLeft: back }) as a keydown listener; other keys go on their way. */
function keys(actions) {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = actions[event.key];
    if (!act) return;
    event.preventDefault();
    act(event);
  };
}

/** A source of numbers in [0, 1), the same for the same seed (mulberry32), so that a cut can be made again. */
function drawsOf(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
