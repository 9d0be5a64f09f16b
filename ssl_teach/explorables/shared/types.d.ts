// Types that the modules of the figures share, for editors and for the type check of `make lint`.

/** The state of a figure, as anywidget gives it. */
export interface Model {
  // biome-ignore lint/suspicious/noExplicitAny: Python's traits have no types here
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, call: () => void): void;
  off(event: string, call: () => void): void;
}

/** What `render` is called with: the state, and the element to fill. */
export interface View {
  model: Model;
  el: HTMLElement;
}

/** A list of numbers that may be indexed. */
export type Numbers = ArrayLike<number>;

/** A layer as `export_weights` describes it. */
export interface Layer {
  kind: "conv" | "linear";
  in: number;
  out: number;
  stride?: number;
  relu?: boolean;
  /** Of a decoder: whether the map first grows to the size that it had one stage earlier. */
  up?: boolean;
  /** Of a decoder: what a negative number is multiplied by after the layer. */
  slope?: number;
}

/** Red, green and blue, 0 to 255. */
export type Colour = number[];

/** What a link may say of a value: see `allowed`. */
export type Rule =
  | true
  | number[]
  | { least: number; most: number }
  | { of: string[] }
  | { list: Rule; length: number }
  | ((text: string) => unknown);

/** What can be made the child of an element. */
export type Child = Node | string;

/** A box in whole pixels. */
export interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** The ranges that a view is drawn from, as in `simclr_augmentation`; `p` is a probability. */
export interface Recipe {
  crop?: { scale: number[]; ratio: number[] };
  flip?: { p: number };
  color?: { brightness: number; contrast: number; saturation: number; hue: number; p: number };
  gray?: { p: number };
  blur?: { sigma: number[]; p: number };
}

/** The factors of a colour change, the hue's rotation, and the order of the four steps. */
export interface ColorChange {
  order: number[];
  brightness: number;
  contrast: number;
  saturation: number;
  hue: number;
}

/** The parameters of one view. */
export interface Draw {
  box: Box;
  flip: boolean;
  color: ColorChange | null;
  gray: boolean;
  /** Standard deviation of the blur in pixels; 0 for none. */
  sigma: number;
}
