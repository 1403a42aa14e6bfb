// The newest images; it grows while a job generates. A click shows one large.

/** @import { Host } from "../ui/widget.js" */
/** @import { ImageGridServer, NewestImage } from "./messages.js" */
/** @import { ImageGridText } from "./strings.js" */

import { make } from "../ui/elements.js";
import { imageAddress, picture } from "../ui/images.js";
import { Lightbox } from "../ui/lightbox.js";
import { Widget } from "../ui/widget.js";

/** @param {Host<ImageGridText, ImageGridServer>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text } = widget;
  /** @type {NewestImage[]} */
  let images = [];
  let shown = "";
  let known = -1;
  const grid = make("div", { class: "grid-images", role: "list", "aria-label": text.label });
  const empty = make("p", { class: "sdpo-empty", text: text.empty });
  const lightbox = new Lightbox(text);
  root.replaceChildren(grid, empty, lightbox.node);

  /** @param {NewestImage} item */
  function tile(item) {
    const { sha256, prompt } = item;
    const image = picture(imageAddress(sha256), prompt, text.gone, prompt);
    const opener = make("button", { type: "button", onclick: () => open(sha256), "aria-label": prompt }, image);
    const caption = make("p", { class: "grid-prompt", text: prompt, "aria-hidden": "true" });
    return make("div", { role: "listitem", "data-sha256": sha256 }, opener, caption);
  }

  /** @param {string} sha256 */
  function open(sha256) {
    const all = images.map(({ sha256, prompt, facts }) => {
      return { src: imageAddress(sha256), title: prompt, file: `${sha256.slice(0, 12)}.png`, facts };
    });
    const place = images.findIndex((item) => item.sha256 === sha256);
    lightbox.open(all, place);
  }

  async function refresh() {
    const reply = await widget.ask("newest");
    if (!reply?.ok) {
      known = -1; // with the next status it is tried again
      return;
    }
    images = reply.images;
    const now = images.map((item) => item.sha256).join();
    if (now !== shown) {
      const kept = new Map([...grid.children].map((node) => [node.getAttribute("data-sha256"), node]));
      grid.replaceChildren(...images.map((item) => kept.get(item.sha256) ?? tile(item)));
      shown = now;
    }
    empty.hidden = images.length > 0;
    root.dataset.count = String(images.length);
  }

  widget.onWindow("sdpo:status", ({ detail }) => {
    if (detail.counts.candidates === known || !widget.visible()) return;
    known = detail.counts.candidates;
    refresh();
  });
  refresh();
}
