// The share of a blind test with its interval on a bar from 0 to 100 %.

import { make } from "./elements.js";

/** @typedef {{win_rate: number, low: number, high: number, plot: string}} Share   `plot` says the same as text */

/** @param {Share} share */
export function intervalBar(share) {
  const range = make("span", { class: "verdict-range" });
  const point = make("span", { class: "verdict-point" });
  range.style.left = `${100 * share.low}%`;
  range.style.width = `${100 * (share.high - share.low)}%`;
  point.style.left = `${100 * share.win_rate}%`;
  const middle = make("span", { class: "verdict-middle" });
  return make("div", { class: "verdict-bar", role: "img", "aria-label": share.plot }, middle, range, point);
}
