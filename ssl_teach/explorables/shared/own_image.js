// An image of the reader's own. It stays in the page.

import { contextOf } from "./canvas.js";
import { freshId, h } from "./elements.js";

/**
 * A control that takes an image from a file, from the camera, or dropped onto `target`.
 * @param {{
 *   target: HTMLElement, size: number, channels: number,
 *   onimage: (bytes: Uint8Array, name: string) => void, label?: string,
 * }} options `onimage` gets the central square as (size, size, channels) bytes; 1 or 3 channels
 */
export function ownImage({ target, size, channels, onimage, label = "Use your own image" }) {
  const id = freshId();
  const words = h("span", { class: "ssl-quiet", role: "status" });
  /** @param {File | undefined} file */
  const take = async (file) => {
    if (!file) return;
    const image = await createImageBitmap(file).catch(() => null);
    words.textContent = image
      ? "It stays in this page."
      : `${file.name || "This"} could not be read as an image: try a JPEG or PNG.`;
    if (!image) return;
    onimage(squareOf(image, size, channels), file.name);
    image.close();
  };
  const input = h("input", {
    id,
    type: "file",
    accept: "image/*",
    class: "ssl-file",
    onchange: () => {
      take(input.files?.[0]);
      input.value = "";
    },
  });
  const element = h(
    "div",
    { class: "ssl-own" },
    input,
    h("label", { for: id, class: "ssl-button" }, label),
    words,
  );
  /** @param {DragEvent} event */
  const over = (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  };
  target.addEventListener("dragover", over);
  target.addEventListener("drop", (event) => {
    over(event);
    const files = [...(event.dataTransfer?.files ?? [])];
    take(files.find((file) => file.type.startsWith("image/")) ?? files[0]);
  });
  return { element, input };
}

/**
 * The central square of an image as (size, size, channels) bytes. It shrinks to no less than half
 * at a time, so that no pixel is skipped. Transparent pixels become white.
 * @param {ImageBitmap | HTMLCanvasElement} image
 * @param {number} size
 * @param {number} channels 1 or 3
 */
export function squareOf(image, size, channels) {
  const side = Math.min(image.width, image.height);
  let steps = Math.max(0, Math.ceil(Math.log2(side / size)));
  let from = image;
  let [left, top, length] = [(image.width - side) / 2, (image.height - side) / 2, side];
  /** @type {ImageDataArray | null} */
  let pixels = null;
  while (!pixels) {
    const now = steps > 0 ? size * 2 ** --steps : size;
    const last = now === size;
    const canvas = h("canvas", { width: now, height: now });
    const context = contextOf(canvas, { willReadFrequently: last });
    Object.assign(context, { imageSmoothingQuality: "high", fillStyle: "white" });
    context.fillRect(0, 0, now, now); // behind what is transparent
    context.drawImage(from, left, top, length, length, 0, 0, now, now);
    if (last) pixels = context.getImageData(0, 0, size, size).data;
    [from, left, top, length] = [canvas, 0, 0, now];
  }
  const out = new Uint8Array(size * size * channels);
  for (let p = 0; p < size * size; p++) {
    const rgb = pixels.subarray(4 * p, 4 * p + 3);
    if (channels === 3) out.set(rgb, 3 * p);
    else out[p] = Math.round(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]);
  }
  return out;
}
