// Images of what waits in a deck, loaded before it is shown.

/** @import { ShownPair, VoteMessage } from "./messages.js" */

import { imageAddress } from "../ui/images.js";
import { during } from "../ui/page.js";

const AGAIN_MS = 1500;

/**
 * Something to choose from as Python names it, and what a board makes of it.
 * @typedef {{images: string[]}} Named
 * @typedef {{elements?: HTMLImageElement[], ready?: boolean}} Loadable
 * @typedef {ShownPair & Loadable} Pair
 */

/**
 * @typedef {VoteMessage["choice"]} Choice
 * @typedef {"left" | "right"} Side
 */

let waited = false; // the page waits for the images that are shown first; the others come behind them

/**
 * Load the images of an item; they are in its `elements`, with the texts `alts`. Then `on.ready`, or `on.gone` when
 * one is gone or damaged. It waits while the studio does not answer.
 * @template {Named & Loadable} Item
 * @param {Item} item
 * @param {string[]} alts
 * @param {{ready: (item: Item) => void, gone: (item: Item) => void}} on
 */
export function loadImages(item, alts, on) {
  const images = item.images.map((sha256, i) =>
    Object.assign(new Image(), { alt: alts[i] ?? "", draggable: false, src: imageAddress(sha256) }),
  );
  item.elements = images;
  const loaded = Promise.all(images.map((image) => image.decode()));
  if (!waited) during(loaded).catch(() => {}); // missing images are reported below
  waited = true;
  loaded.then(
    () => {
      item.ready = true;
      on.ready(item);
    },
    () => lookWhy(item, alts, on),
  );
  return item;
}

/**
 * @template {Named & Loadable} Item
 * @param {Item} item
 * @param {string[]} alts
 * @param {{ready: (item: Item) => void, gone: (item: Item) => void}} on
 */
async function lookWhy(item, alts, on) {
  const answers = await Promise.all(item.images.map((sha256) => fetch(imageAddress(sha256)).catch(() => null)));
  if (answers.includes(null)) setTimeout(() => loadImages(item, alts, on), AGAIN_MS);
  else on.gone(item);
}
