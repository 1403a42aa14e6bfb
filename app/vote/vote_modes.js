// The choice between the ways to vote. Each board looks whether it is meant; what is chosen is remembered.

/** @import { Host } from "../ui/widget.js" */

import { make } from "../ui/elements.js";
import { chooseMode, remember, voteMode } from "../ui/page.js";
import { Widget } from "../ui/widget.js";

/** @typedef {{label: string, modes: [name: string, label: string, intro: string][]}} Text */

/** @param {Host<Text, object>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text } = widget;
  const buttons = text.modes.map(([name, label]) =>
    make("button", { type: "button", "data-mode": name, text: label, onclick: () => choose(name) }),
  );
  const intro = make("p", { class: "page-intro" });
  root.replaceChildren(make("div", { class: "modes-bar", role: "group", "aria-label": text.label }, ...buttons), intro);

  /** @param {string} name */
  function choose(name) {
    if (name !== voteMode()) chooseMode(name);
  }

  function draw() {
    if (!text.modes.some(([name]) => name === voteMode())) remember("sdpo.mode", "pairs");
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.mode === voteMode()));
    intro.textContent = text.modes.find(([name]) => name === voteMode())?.[2] ?? "";
  }

  widget.onWindow("sdpo:mode", draw); // another widget may choose, too
  root.addEventListener("mousedown", (event) => event.preventDefault()); // the keys stay with the board
  draw();
}
