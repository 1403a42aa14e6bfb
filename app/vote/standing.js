// How far, how fast and how steadily a person votes: shown next to the board, never in the way.

/** @import { Consistency } from "./messages.js" */
/** @import { PairBoardText } from "./strings.js" */

import { button, fill, make } from "../ui/elements.js";
import { openTab } from "../ui/page.js";

const PAUSE_MS = 60_000; // who was away for longer was not voting
const PACE_OF = 20; // choices that the pace is taken from
const PACE_FROM = 5;
const STEADY_FROM = 3;

export class Standing {
  /** @type {number[]} */
  gaps = [];
  last = 0;

  /**
   * @param {PairBoardText} text
   * @param {number[]} finishLines
   */
  constructor(text, finishLines) {
    this.text = text;
    this.finishLines = finishLines;
    this.pace = make("span", { class: "board-pace", hidden: true });
    this.steady = make("span", { class: "board-steady", title: text.steadyHint, hidden: true });
    this.line = make("span", { class: "board-line", hidden: true });
    this.facts = make("p", { class: "board-facts" }, this.line, this.pace, this.steady);
    this.sentence = make("p");
    const train = button(text.finishTrain, () => openTab("train"), { class: "sdpo-button" });
    const buttons = make(
      "div",
      {},
      train,
      button(text.finishOn, () => this.goOn()),
    );
    const about = { class: "board-finish", role: "status", hidden: true };
    this.finish = make("div", about, this.sentence, buttons);
  }

  /** A choice was made just now. */
  chosen() {
    const now = performance.now();
    if (this.last && now - this.last < PAUSE_MS) this.gaps.push(now - this.last);
    if (this.gaps.length > PACE_OF) this.gaps.shift();
    this.last = now;
    const perMinute = (60_000 * this.gaps.length) / this.gaps.reduce((sum, gap) => sum + gap, 0);
    const known = this.gaps.length >= PACE_FROM;
    this.pace.hidden = !known;
    this.pace.textContent = known ? fill(this.text.pace, { n: Math.max(1, Math.round(perMinute)) }) : "";
  }

  /**
   * The numbers of the studio: votes for a side, and how often the same was chosen again.
   * @param {number} decided
   * @param {Consistency | null | undefined} consistency
   */
  draw(decided, consistency) {
    const { text } = this;
    const steady = consistency && consistency.asked >= STEADY_FROM ? fill(text.steady, consistency) : "";
    this.steady.hidden = !steady;
    this.steady.textContent = steady;
    const next = this.finishLines.find((votes) => votes > decided);
    this.line.hidden = !next || decided === 0;
    this.line.textContent = next ? fill(text.finishLine, { n: next - decided, line: next }) : "";
  }

  /**
   * The finish line is announced only when crossed.
   * @param {number} before
   * @param {number} decided
   */
  crossed(before, decided) {
    const reached = this.finishLines.find((votes) => before < votes && votes <= decided);
    if (!reached) return;
    this.sentence.textContent = fill(this.text.finished, { n: reached });
    this.finish.hidden = false;
  }

  goOn() {
    this.finish.hidden = true;
  }
}
