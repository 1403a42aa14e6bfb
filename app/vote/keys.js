// Keys of the boards: never while somebody types, and they can be switched off (WCAG 2.1.4), which is remembered.

/** @import { Place } from "../ui/widget.js" */
/** @import { Child } from "../ui/elements.js" */

import { make } from "../ui/elements.js";
import { remember, remembered } from "../ui/page.js";

const TYPING =
  "input, textarea, select, [contenteditable], dialog, [role=slider], [role=combobox], [role=listbox]," +
  " [role=tab], [role=menu], [role=dialog], [role=textbox]";
const PRESSABLE = "button, a[href], summary"; // Space and Enter are theirs
const KEYS = "sdpo.keys";

/**
 * What a key means on this board; undefined when it is not meant for it.
 * @template Meaning
 * @param {Place} place
 * @param {KeyboardEvent} event
 * @param {ReadonlyMap<string, Meaning>} meanings
 */
export function meantKey(place, event, meanings) {
  const meaning = meanings.get(event.key.toLowerCase());
  const target = event.composedPath()[0];
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  if ((!keysOn() && event.key !== "Escape") || !place.visible() || place.root.hidden) return undefined;
  if (!(target instanceof Element)) return meaning;
  if (target.closest(TYPING)) return undefined;
  if ((event.key === " " || event.key === "Enter") && target.closest(PRESSABLE)) return undefined;
  return meaning;
}

function keysOn() {
  return remembered(KEYS) !== "off";
}

/**
 * The switch for all keys of all boards.
 * @param {Place} place
 * @param {string} label
 */
export function keySwitch(place, label) {
  const node = rememberedSwitch(place, KEYS, label, () => place.root.classList.toggle("keys-off", !keysOn()));
  node.classList.add("keys");
  return node;
}

/**
 * A switch that is on until it is switched off, in all boards of this browser.
 * @param {Place} place
 * @param {string} key
 * @param {string} label
 * @param {() => unknown} [changed]
 */
export function rememberedSwitch(place, key, label, changed) {
  const onclick = () => {
    remember(key, remembered(key) === "off" ? "on" : "off");
    window.dispatchEvent(new CustomEvent("sdpo:switched", { detail: { key } }));
  };
  const node = make("button", { type: "button", class: "board-button switch", role: "switch", text: label, onclick });
  const draw = () => {
    node.setAttribute("aria-checked", String(remembered(key) !== "off"));
    changed?.();
  };
  place.onWindow("sdpo:switched", ({ detail }) => {
    if (detail.key === key) draw();
  });
  draw();
  return node;
}

/**
 * The list of keys; folded away until somebody asks.
 * @param {string} title
 * @param {[keys: string[], meaning: string][]} lines
 * @param {...Child} more
 */
export function keyHelp(title, lines, ...more) {
  const rows = lines.flatMap(([keys, meaning]) => [
    make("dt", {}, ...keys.map((key) => make("kbd", { text: key }))),
    make("dd", { text: meaning }),
  ]);
  return make("details", { class: "board-help" }, make("summary", { text: title }), make("dl", {}, ...rows), ...more);
}

/**
 * Open the list of keys, or fold it away.
 * @param {HTMLDetailsElement} help
 */
export function toggleHelp(help) {
  help.open = !help.open;
  if (help.open) help.scrollIntoView({ block: "nearest" });
}

/**
 * A press of the mouse leaves the focus where it is, so that Space keeps its meaning on the board.
 * @param {HTMLElement} node
 */
export function keepFocus(node) {
  node.addEventListener("mousedown", (event) => {
    if (event.target instanceof Element && event.target.closest("button, summary")) event.preventDefault();
  });
}
