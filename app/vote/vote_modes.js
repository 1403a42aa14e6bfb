// The choice between the ways to vote. Each board checks whether it is meant; the choice is remembered.

/** @import { Host } from "../ui/widget.js" */
/** @import { VoteModesText } from "./strings.js" */

import { make } from "../ui/elements.js";
import { chooseMode, remember, voteMode } from "../ui/page.js";
import { Widget } from "../ui/widget.js";

const MODES = /** @type {const} */ (["pairs", "best", "swiss", "review"]);

/** @param {Host<VoteModesText, object>} host */
export function mount(host) {
  const widget = new Widget(host);
  const { root, text } = widget;
  const buttons = MODES.map((name) =>
    make("button", { type: "button", "data-mode": name, text: text[`mode.${name}`], onclick: () => choose(name) }),
  );
  const intro = make("p", { class: "page-intro" });
  root.replaceChildren(make("div", { class: "modes-bar", role: "group", "aria-label": text.label }, ...buttons), intro);

  /** @param {string} name */
  function choose(name) {
    if (name !== voteMode()) chooseMode(name);
  }

  function draw() {
    const chosen = MODES.find((name) => name === voteMode());
    if (!chosen) remember("sdpo.mode", "pairs");
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.mode === voteMode()));
    intro.textContent = text[`intro.${chosen ?? "pairs"}`];
  }

  widget.onWindow("sdpo:mode", draw); // another widget may choose, too
  root.addEventListener("mousedown", (event) => event.preventDefault()); // the keys stay with the board
  draw();
}
