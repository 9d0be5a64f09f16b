// Brings the anywidgets of a page to life without a kernel. static_widgets.py wrote what is read
// here: a script tag for each place where a widget is shown, before it one with the state of its
// model, and behind it a call of `mount`, so that nothing waits for the end of a long page. Bytes
// that only a drawing needs stand at that end.
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const models = new Map();
  const sources = new Map();
  const modules = new Map(); // hash of a source -> promise of its module
  const mounts = new Map(); // tag of a place -> promise that its widget is there

  /** The part of a Jupyter widget model that anywidgets use; there is nobody to send changes to. */
  class Model {
    #state;
    #listeners = new Map();

    constructor(state) {
      this.#state = state;
      this.widget_manager = {
        get_model: async (reference) => find(reference.replace("IPY_MODEL_", "")),
      };
    }

    get(name) {
      return this.#state[name];
    }

    set(names, value) {
      const wanted = typeof names === "string" ? { [names]: value } : names;
      const changed = Object.keys(wanted).filter((name) => this.#state[name] !== wanted[name]);
      for (const name of changed) this.#state[name] = wanted[name];
      for (const name of changed) this.trigger(`change:${name}`, this, wanted[name]);
      if (changed.length) this.trigger("change", this);
    }

    save_changes() {}

    send() {
      console.warn("static widget: a message to Python was dropped, no kernel runs here");
    }

    on(names, listener) {
      for (const name of names.split(/\s+/)) {
        if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
        this.#listeners.get(name).add(listener);
      }
    }

    off(names, listener) {
      for (const name of names ? names.split(/\s+/) : [...this.#listeners.keys()]) {
        if (listener) this.#listeners.get(name)?.delete(listener);
        else this.#listeners.delete(name);
      }
    }

    trigger(name, ...values) {
      for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(...values);
    }
  }

  function bytes(base64) {
    if (Uint8Array.fromBase64) return new DataView(Uint8Array.fromBase64(base64).buffer);
    const text = atob(base64); // older browsers
    const array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return new DataView(array.buffer);
  }

  /** Puts bytes back where they were in the state, as Jupyter does: DataViews. */
  function withBuffers({ state, buffers }) {
    for (const { path, data, late } of buffers) {
      const holder = path.slice(0, -1).reduce((inside, key) => inside?.[key], state), name = path.at(-1);
      // a value that was replaced by another kind of thing may leave its old bytes behind
      if (!holder || typeof holder !== "object") continue;
      if (late) bringLate(holder, name, late);
      else holder[name] = bytes(data);
    }
    return state;
  }

  /** A value whose bytes stand at the end of the page, in the element with that id: read when asked for. */
  function bringLate(holder, name, id) {
    const settle = (value) =>
      Object.defineProperty(holder, name, { value, writable: true, enumerable: true, configurable: true })[name];
    const get = () => {
      const tag = document.getElementById(id);
      if (!tag) throw new Error(`${name} was asked for before the page was read`);
      const value = settle(bytes(tag.textContent));
      tag.remove();
      return value;
    };
    Object.defineProperty(holder, name, { get, set: settle, enumerable: true, configurable: true });
  }

  function find(id) {
    const model = models.get(id);
    if (!model) throw new Error(`its state is not on this page (model ${id})`);
    return model;
  }

  /**
   * The module of a source text. Where it imports nothing, it is run as a script, at once: a module
   * would stand in line behind all scripts of the page.
   */
  function evaluate(text) {
    const script = text
      .replace(/^export default /m, "exported.default = ")
      .replace(/^export (?=(?:async )?(?:function|class|const|let)\b)/gm, "");
    try {
      const exported = {};
      new Function("exported", `"use strict";\n${script}`)(exported);
      return Promise.resolve(exported);
    } catch (error) {
      if (!(error instanceof SyntaxError)) return Promise.reject(error);
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      return import(url).finally(() => URL.revokeObjectURL(url));
    }
  }

  /** What a module exports by default, evaluated once however many widgets use it. */
  function load(hash) {
    if (!modules.has(hash)) {
      const module = evaluate(sources.get(hash));
      modules.set(hash, module.then(({ default: w }) => (typeof w === "function" ? w() : w)));
    }
    return modules.get(hash);
  }

  async function initialised(model) {
    const widget = await load(model.get("_esm"));
    model.initialising ??= Promise.resolve(widget.initialize?.({ model }));
    await model.initialising;
    return widget;
  }

  function addStyle(hash) {
    if (!hash || document.querySelector(`style[data-widget-style="${hash}"]`)) return;
    const style = document.createElement("style");
    style.dataset.widgetStyle = hash;
    style.textContent = sources.get(hash);
    document.head.append(style);
  }

  async function bring(tag) {
    const el = document.createElement("div");
    el.className = "ssl-widget";
    tag.after(el);
    try {
      const { model_id, place } = JSON.parse(tag.textContent);
      if (place) el.id = place;
      const model = find(model_id);
      addStyle(model.get("_css"));
      const widget = await initialised(model);
      await widget.render?.({ model, el, signal: new AbortController().signal });
      el.dataset.mounted = "";
    } catch (error) {
      console.error("static widget:", error);
      el.classList.add("ssl-widget-failed");
      el.setAttribute("role", "alert");
      el.textContent = `This interactive figure did not start: ${error.message}`;
    }
  }

  /** Mounts all widgets that the page holds so far and that are not there yet. */
  function mount() {
    for (const tag of document.querySelectorAll(STATE)) {
      const page = JSON.parse(tag.textContent);
      tag.remove(); // read once, and up to a megabyte
      for (const [hash, text] of Object.entries(page.sources)) sources.set(hash, text);
      for (const [id, model] of Object.entries(page.models)) {
        models.set(id, new Model(withBuffers(model)));
      }
    }
    for (const tag of document.querySelectorAll(VIEW)) {
      if (!mounts.has(tag)) mounts.set(tag, bring(tag));
    }
  }

  /** When what asked to draw in the next frame has drawn; in a page that nobody sees there is none. */
  function nextFrame() {
    return new Promise((done) => {
      requestAnimationFrame(() => setTimeout(done));
      setTimeout(done, 1000);
    });
  }

  /** Formulas wait for that: typesetting a page can hold it up for longer than the explorables take. */
  function setFormulasAfter(drawn) {
    const math = (window.MathJax ??= {});
    const ready = () => window.MathJax.startup.defaultPageReady();
    math.startup = { ...math.startup, pageReady: () => drawn.then(ready) };
  }

  window.staticWidgets = { mount };
  document.documentElement.dataset.reading = ""; // its style: what is out of sight is not laid out yet
  document.addEventListener("readystatechange", () => {
    if (document.readyState !== "interactive") return; // all is read, and no script that waits has run
    mount();
    const drawn = Promise.all(mounts.values()).then(nextFrame);
    setFormulasAfter(drawn.then(() => delete document.documentElement.dataset.reading));
  });
})();
