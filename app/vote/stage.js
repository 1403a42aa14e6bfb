// The two images: as large as the screen allows, chosen by click or swipe, compared at full size or by flickering.

/** @import { Place } from "../ui/widget.js" */
/** @import { Side } from "./deck.js" */
/** @import { PairBoardText } from "./strings.js" */

import { make } from "../ui/elements.js";
import { onFingers } from "./fingers.js";

export const PHONE_PX = 700;

const HELD_MS = 250; // a key pressed for less stays pressed until the next press
const FLICKER_MS = 600; // calmer than three changes a second (WCAG 2.3.1)
const PHONE_CHROME_PX = 128; // prompt and buttons; what is above them is scrolled away

/**
 * @typedef {"peek" | "flicker"} Look   both at full size, moved together; or one in the other's place, in turn
 * @typedef {(side: Side, event: MouseEvent) => void} Choose   is called for a click or swipe
 */

export class Stage {
  /** @type {HTMLImageElement[]} */
  images = [];
  ratio = 1;
  fitted = "";
  /** @type {Look | ""} */
  looking = "";
  lookedAt = 0;
  timer = 0;

  /**
   * @param {Place} place
   * @param {PairBoardText} text
   * @param {Choose} choose
   */
  constructor(place, text, choose) {
    this.root = place.root;
    this.text = text;
    this.sides = { left: this.side("left", "ArrowLeft A"), right: this.side("right", "ArrowRight D") };
    const { left, right } = this.sides;
    this.node = make("div", { class: "board-stage", role: "group", "aria-label": text.label }, left, right);
    this.overlay = make("div", { class: "board-look", hidden: true });
    this.overlay.addEventListener("pointermove", (event) => this.follow(event));
    this.overlay.addEventListener("click", () => this.lookAway());
    onFingers(left, "left", this, choose);
    onFingers(right, "right", this, choose);
    const size = new ResizeObserver(() => this.fit());
    size.observe(this.root);
    place.life.addEventListener("abort", () => size.disconnect());
    place.onWindow("resize", () => this.fit());
    place.onWindow("blur", () => this.released());
  }

  /**
   * @param {Side} name
   * @param {string} keys
   */
  side(name, keys) {
    const about = { "aria-label": this.text[`${name}Label`], "aria-keyshortcuts": keys };
    return make("button", { class: `board-image ${name}`, type: "button", ...about });
  }

  /** @param {HTMLImageElement[]} elements */
  show(elements) {
    this.images = elements;
    this.ratio = Math.max(...elements.map((image) => image.naturalWidth / image.naturalHeight || 1));
    this.sides.left.replaceChildren(elements[0], make("kbd", { text: "←", "aria-hidden": "true" }));
    this.sides.right.replaceChildren(elements[1], make("kbd", { text: "→", "aria-hidden": "true" }));
    this.fit();
  }

  clear() {
    this.images = [];
    this.lookAway();
    this.sides.left.replaceChildren();
    this.sides.right.replaceChildren();
  }

  // --- size: side by side or one above the other, whichever makes the images larger ------------------------------

  fit() {
    const { root, node, ratio } = this;
    const wide = root.clientWidth;
    if (!wide) return;
    const large = root.classList.contains("large");
    const key = [wide, innerHeight, ratio, large, node.offsetTop].join();
    if (key === this.fitted) return;
    this.fitted = key;
    const above = large ? 20 : Math.max(0, root.getBoundingClientRect().top + scrollY);
    const chrome = wide < PHONE_PX && !large ? PHONE_CHROME_PX : this.bars() + above;
    const tall = Math.max(wide < PHONE_PX ? 320 : 240, innerHeight - chrome);
    const beside = Math.min((wide - 16) / 2, tall * ratio);
    const stacked = Math.min(wide, ((tall - 10) / 2) * ratio);
    const side = Math.floor(Math.max(beside, stacked));
    node.classList.toggle("stacked", stacked > beside);
    root.style.setProperty("--image-w", `${side}px`);
    root.style.setProperty("--image-h", `${Math.floor(side / ratio)}px`);
  }

  /** What the board's other lines take of its height. */
  bars() {
    const names = [".board-top", ".board-buttons", ".board-buttons.tools"];
    const bars = names.map((name) => /** @type {HTMLElement | null} */ (this.root.querySelector(name)));
    return bars.reduce((sum, bar) => sum + (bar?.offsetHeight ?? 0), 60);
  }

  // --- looking closer -------------------------------------------------------------------------------------------------

  /** @param {Look} kind */
  look(kind) {
    if (this.images.length < 2) return;
    this.lookAway();
    this.looking = kind;
    this.lookedAt = performance.now();
    const { text, overlay } = this;
    const copies = this.images.map((image) => /** @type {HTMLImageElement} */ (image.cloneNode()));
    const panes = copies.map((copy, i) => {
      const name = make("span", { class: "look-name", text: i === 0 ? text.left : text.right });
      return make("div", { class: "look-pane" }, copy, name);
    });
    overlay.replaceChildren(...panes, make("p", { class: "look-hint", text: text[`${kind}Hint`] }));
    overlay.dataset.kind = kind;
    overlay.hidden = false;
    this.root.dataset.looking = kind;
    if (kind === "peek") pan(copies, panes, 0.5, 0.5);
    else this.alternate(panes);
  }

  lookAway() {
    clearInterval(this.timer);
    this.looking = "";
    this.overlay.hidden = true;
    this.overlay.replaceChildren();
    this.root.dataset.looking = "";
  }

  /** @param {HTMLElement[]} panes */
  alternate(panes) {
    let turn = 0;
    const draw = () => {
      panes.forEach((pane, i) => {
        pane.classList.toggle("away", i !== turn % 2);
      });
    };
    draw();
    this.timer = setInterval(() => {
      turn += 1;
      draw();
    }, FLICKER_MS);
  }

  /**
   * Move both images with the pointer.
   * @param {PointerEvent} event
   */
  follow(event) {
    if (this.looking !== "peek") return;
    const copies = [...this.overlay.querySelectorAll("img")];
    const panes = [.../** @type {NodeListOf<HTMLElement>} */ (this.overlay.querySelectorAll(".look-pane"))];
    const first = panes[0].getBoundingClientRect();
    const across = ((event.clientX - first.left) % (first.width + 2)) / first.width;
    const stacked = panes.length === 2 && panes[1].offsetTop > 0;
    const down = stacked
      ? ((event.clientY - first.top) % (first.height + 2)) / first.height
      : event.clientY / innerHeight;
    pan(copies, panes, Math.min(1, Math.max(0, across)), Math.min(1, Math.max(0, down)));
  }

  /** @param {Look} kind */
  toggleLook(kind) {
    if (this.looking === kind) this.lookAway();
    else this.look(kind);
  }

  /** A key that is held looks for as long; one that is tapped, until the next tap. */
  released() {
    if (this.looking && performance.now() - this.lookedAt > HELD_MS) this.lookAway();
  }
}

/**
 * Show the same part of both images.
 * @param {HTMLImageElement[]} copies
 * @param {HTMLElement[]} panes
 * @param {number} across
 * @param {number} down
 */
function pan(copies, panes, across, down) {
  copies.forEach((copy, i) => {
    const { clientWidth: wide, clientHeight: tall } = panes[i];
    const scale = Math.max(1, Math.min(wide / copy.naturalWidth, tall / copy.naturalHeight));
    const [w, h] = [copy.naturalWidth * scale, copy.naturalHeight * scale];
    const x = w > wide ? (wide - w) * across : (wide - w) / 2;
    const y = h > tall ? (tall - h) * down : (tall - h) / 2;
    Object.assign(copy.style, { width: `${w}px`, height: `${h}px`, transform: `translate(${x}px, ${y}px)` });
  });
}
