// Images of the store, and what is shown where one is missing.

import { make } from "./elements.js";
import { at } from "./page.js";

/**
 * Where an image of the store is.
 * @param {string} sha256
 */
export function imageAddress(sha256) {
  return at(`/sdpo/image/${sha256}`);
}

/**
 * An image that is loaded when it comes near the window; the word `gone` takes its place when it can't be shown.
 * @param {string} src
 * @param {string} alt
 * @param {string} gone
 * @param {string} [title]
 */
export function picture(src, alt, gone, title) {
  const image = make("img", { src, alt, loading: "lazy", title });
  image.addEventListener("error", () => image.replaceWith(make("span", { class: "grid-gone", text: gone })));
  return image;
}
