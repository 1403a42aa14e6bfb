// One image large, in the middle of the window, with what is known of it; arrows lead to its neighbours.

/**
 * @typedef {{close: string, previous: string, next: string, download: string}} LightboxText
 * @typedef {{src: string, title: string, file: string, facts: [label: string, value: string][]}} Enlarged
 */

import { button, make } from "./elements.js";

export class Lightbox {
  /** @type {Enlarged[]} */
  images = [];
  place = 0;

  /** @param {LightboxText} text */
  constructor(text) {
    this.image = make("img", { alt: "" });
    this.caption = make("p", { class: "lightbox-title" });
    this.facts = make("dl", { class: "lightbox-facts" });
    this.previous = arrow("‹", text.previous, () => this.show(this.place - 1));
    this.next = arrow("›", text.next, () => this.show(this.place + 1));
    this.download = make("a", { class: "sdpo-button quiet", text: text.download });
    const node = make("dialog", { class: "sdpo-lightbox", tabindex: -1, autofocus: true });
    node.append(
      make(
        "div",
        { class: "lightbox-bar" },
        this.download,
        button(text.close, () => node.close()),
      ),
      make("div", { class: "lightbox-stage" }, this.previous, this.image, this.next),
      this.caption,
      this.facts,
    );
    this.node = node;
    this.node.addEventListener("click", (event) => {
      if (event.target === this.node) this.node.close(); // outside the box
    });
    this.node.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.show(this.place + step);
    });
  }

  /**
   * @param {Enlarged[]} images
   * @param {number} place
   */
  open(images, place) {
    this.images = images;
    this.show(place);
    if (!this.node.open) this.node.showModal();
  }

  /** @param {number} place */
  show(place) {
    const shown = this.images.at(place);
    if (!shown || place < 0) return;
    this.place = place;
    this.image.src = shown.src;
    this.image.alt = shown.title;
    this.caption.textContent = shown.title;
    this.facts.replaceChildren(
      ...shown.facts.map(([label, value]) => make("div", {}, make("dt", { text: label }), make("dd", { text: value }))),
    );
    this.download.href = shown.src;
    this.download.download = shown.file;
    this.previous.disabled = place === 0;
    this.next.disabled = place === this.images.length - 1;
  }
}

/**
 * @param {string} sign
 * @param {string} label
 * @param {() => void} onclick
 */
function arrow(sign, label, onclick) {
  const about = { "aria-label": label, title: label };
  return make("button", { type: "button", class: "lightbox-arrow", text: sign, onclick, ...about });
}
