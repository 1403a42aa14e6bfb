// The elements of the pair board around its two images.

/** @import { Place } from "../ui/widget.js" */
/** @import { Choice } from "./deck.js" */
/** @import { PairBoardText } from "./strings.js" */

import { button, make } from "../ui/elements.js";
import { openTab } from "../ui/page.js";
import { keyHelp, keySwitch, rememberedSwitch } from "./keys.js";
import { Stage } from "./stage.js";
import { Standing } from "./standing.js";

/**
 * @typedef {Exclude<Choice, "left" | "right"> | "undo" | "peek" | "flicker" | "large"} ButtonName
 * @typedef {{choose: (choice: Choice, event: MouseEvent) => void, undo: () => void}} Does
 */

/** @type {Record<Exclude<ButtonName, "peek">, string>} */
const SYMBOLS = { tie: "↓", "both-bad": "B", skip: "S", undo: "Z", flicker: "C", large: "F" }; // the Space bar has a name

export class BoardFrame {
  strong = false; // whether the next side chosen is much better

  /**
   * @param {Place} place
   * @param {PairBoardText} text
   * @param {{choices: Choice[], finish_lines: number[]}} given
   * @param {string | null} askAgain   where it is remembered whether pairs may be asked again; null: they are not
   * @param {Does} does
   */
  constructor(place, text, given, askAgain, does) {
    this.root = place.root;
    this.text = text;
    this.stage = new Stage(place, text, does.choose);
    this.standing = new Standing(text, given.finish_lines);
    this.prompt = make("p", { class: "board-prompt" });
    this.count = make("span", { class: "board-count" });
    this.meterBar = make("span");
    this.meter = make("span", { class: "board-meter", hidden: true }, this.meterBar);
    this.badge = make("span", { class: "board-unsaved", role: "status", title: text.unsavedHint, hidden: true });
    this.said = make("span", { class: "board-said", "aria-live": "polite" });
    const others = given.choices.filter((choice) => choice !== "left" && choice !== "right");
    this.choices = others.map((choice) => this.button(choice, (event) => does.choose(choice, event)));
    this.undo = this.button("undo", () => does.undo());
    this.buttons = make("div", { class: "board-buttons" }, ...this.choices, this.undo);
    this.strongButton = make(
      "button",
      {
        type: "button",
        class: "board-button strong",
        "aria-pressed": "false",
        title: text.strongHint,
        onclick: () => this.setStrong(!this.strong),
      },
      make("kbd", { text: "⇧", "aria-hidden": "true" }),
      text.strong,
    );
    this.largeButton = this.button("large", () => this.setLarge());
    this.tools = make(
      "div",
      { class: "board-buttons tools" },
      this.strongButton,
      this.button("peek", () => this.stage.toggleLook("peek")),
      this.button("flicker", () => this.stage.toggleLook("flicker")),
      this.largeButton,
      keySwitch(place, text.keysSwitch),
    );
    this.hintTitle = make("p", { class: "board-empty-title" });
    this.hintText = make("p", { class: "board-empty-hint" });
    this.hintButton = button(text.emptyButton, () => openTab("generate"), { class: "sdpo-button" });
    this.hint = make("div", { class: "board-empty", hidden: true }, this.hintTitle, this.hintText, this.hintButton);
    this.help = this.keys(others, askAgain ? rememberedSwitch(place, askAgain, text.askAgain) : null);
    this.nodes = this.arranged(askAgain !== null);
  }

  /** @param {boolean} standing   whether progress is shown */
  arranged(standing) {
    const { finish, facts } = this.standing;
    const state = make("div", { class: "board-state" }, this.badge, this.meter, this.count);
    const told = standing ? [finish, facts, this.said] : [this.said];
    return [
      make("div", { class: "board-top" }, this.prompt, state),
      this.stage.node,
      this.hint,
      make("div", { class: "board-bottom" }, this.buttons, this.tools, ...told, this.help),
      this.stage.overlay,
    ];
  }

  /**
   * @param {Exclude<Choice, "left" | "right">[]} others
   * @param {HTMLElement | null} more
   */
  keys(others, more) {
    const { text } = this;
    /** @type {[string[], string][]} */
    const lines = [...others, /** @type {const} */ ("undo")].map((name) => [[SYMBOLS[name]], text[name]]);
    return keyHelp(
      text.keysTitle,
      [
        [["←", "A"], text.leftLabel],
        [["→", "D"], text.rightLabel],
        [["⇧"], text.strongHint],
        ...lines,
        [[text.space], text.peekKey],
        [["C"], text.flickerKey],
        [["F"], text.largeKey],
        [["?"], text.helpKey],
      ],
      more,
    );
  }

  /**
   * @param {ButtonName} name
   * @param {(event: MouseEvent) => void} onclick
   */
  button(name, onclick) {
    const { text } = this;
    const symbol = name === "peek" ? text.space : SYMBOLS[name];
    const titles = { peek: text.peekKey, flicker: text.flickerKey, large: text.largeKey };
    return make(
      "button",
      {
        type: "button",
        class: `board-button ${name}`,
        title: name === "peek" || name === "flicker" || name === "large" ? titles[name] : null,
        "aria-keyshortcuts": name === "tie" ? "ArrowDown" : name === "peek" ? "Space" : symbol,
        onclick,
      },
      make("kbd", { text: symbol, "aria-hidden": "true" }),
      text[name],
    );
  }

  /** @param {boolean} on */
  setStrong(on) {
    this.strong = on;
    this.strongButton.setAttribute("aria-pressed", String(on));
  }

  /** The board alone on the whole screen, or back in the page. */
  setLarge() {
    const on = this.root.classList.toggle("large");
    this.largeButton.setAttribute("aria-pressed", String(on));
    this.stage.fit();
  }
}
