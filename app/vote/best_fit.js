// How large several images can be shown at the same time.

import { PHONE_PX } from "./stage.js";

/** How many images there may be. */
export const SIZES = [3, 4, 6, 9];

const GAP_PX = 12;

/**
 * As many columns as make the images largest.
 * @param {HTMLImageElement[]} images
 * @param {number} wide   the room from left to right
 * @param {number} top   where they begin on the page
 */
export function fitted(images, wide, top) {
  const ratio = Math.max(...images.map((image) => image.naturalWidth / image.naturalHeight || 1));
  const above = wide < PHONE_PX ? 0 : Math.max(0, top);
  const tall = Math.max(320, innerHeight - above - (above ? 80 : 170));
  let [width, columns] = [0, 1];
  for (let count = 1; count <= images.length; count += 1) {
    const lines = Math.ceil(images.length / count);
    const across = (wide - GAP_PX * (count - 1)) / count;
    const down = (tall - GAP_PX * (lines - 1)) / lines;
    const possible = Math.floor(Math.min(across, down * ratio));
    if (possible > width) [width, columns] = [possible, count];
  }
  return { columns, width, height: Math.floor(width / ratio) };
}
