// Brings the anywidgets of a page to life without a kernel. static_widgets.py wrote what is read
// here: one script tag with the models' state, and one for each place where a widget is shown.
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const models = new Map();
  const sources = new Map();
  const modules = new Map(); // hash of a source -> promise of its module

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
    const text = atob(base64);
    const array = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
    return new DataView(array.buffer);
  }

  /** Puts bytes back where they were in the state, as Jupyter does: DataViews. */
  function withBuffers({ state, buffers }) {
    for (const { path, data } of buffers) {
      const holder = path.slice(0, -1).reduce((inside, key) => inside?.[key], state);
      // a value that was replaced by another kind of thing may leave its old bytes behind
      if (holder && typeof holder === "object") holder[path.at(-1)] = bytes(data);
    }
    return state;
  }

  function find(id) {
    const model = models.get(id);
    if (!model) throw new Error(`its state is not on this page (model ${id})`);
    return model;
  }

  /** The module of a source text, loaded once however many widgets use it. */
  function load(hash) {
    if (!modules.has(hash)) {
      const url = URL.createObjectURL(new Blob([sources.get(hash)], { type: "text/javascript" }));
      const module = import(url)
        .then(({ default: widget }) => (typeof widget === "function" ? widget() : widget))
        .finally(() => URL.revokeObjectURL(url));
      modules.set(hash, module);
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

  /** A name for a place in the page that links can point to: "rotation-game", "rotation-game-2". */
  function placeName(model) {
    const name = (model.get("_anywidget_id") ?? "figure").split(".").at(-1);
    const words = name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase();
    for (let k = 1; ; k++) {
      const id = k > 1 ? `${words}-${k}` : words;
      if (!document.getElementById(id)) return id;
    }
  }

  async function mount(tag) {
    const el = document.createElement("div");
    el.className = "ssl-widget";
    tag.after(el);
    try {
      const model = find(JSON.parse(tag.textContent).model_id);
      el.id = placeName(model);
      addStyle(model.get("_css"));
      const widget = await initialised(model);
      await widget.render?.({ model, el, signal: new AbortController().signal });
      el.dataset.mounted = "";
      if (location.hash === `#${el.id}`) el.scrollIntoView(); // when the page loaded, it was not there
    } catch (error) {
      console.error("static widget:", error);
      el.classList.add("ssl-widget-failed");
      el.setAttribute("role", "alert");
      el.textContent = `This interactive figure did not start: ${error.message}`;
    }
  }

  function start() {
    for (const tag of document.querySelectorAll(STATE)) {
      const page = JSON.parse(tag.textContent);
      for (const [hash, text] of Object.entries(page.sources)) sources.set(hash, text);
      for (const [id, model] of Object.entries(page.models)) {
        models.set(id, new Model(withBuffers(model)));
      }
    }
    return Promise.all([...document.querySelectorAll(VIEW)].map(mount));
  }

  /** Formulas wait for the explorables: typesetting a page can hold it up for longer than they take. */
  function setFormulasAfter(explorables) {
    const math = (window.MathJax ??= {});
    const config = math.config ?? math; // MathJax's own object, if it runs already
    config.startup = { ...config.startup };
    const ready = config.startup.pageReady ?? (() => window.MathJax.startup.defaultPageReady());
    config.startup.pageReady = () => explorables.then(ready);
  }

  setFormulasAfter(
    document.readyState === "loading"
      ? new Promise((done) => document.addEventListener("DOMContentLoaded", () => done(start())))
      : start(),
  );
})();
