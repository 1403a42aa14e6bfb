// The verdict of a blind test: a sentence, the share with its interval, every prompt, every round, every comparison,
// and whether its votes train. Whatever is drawn is also there as text.

/** @import { Host } from "../ui/widget.js" */
/** @import { PromptScore, Round, ShownComparison, ShownVerdict, VerdictCardServer } from "./messages.js" */
/** @import { VerdictCardText } from "./strings.js" */

import { button, fill, make } from "../ui/elements.js";
import { imageAddress, picture } from "../ui/images.js";
import { intervalBar } from "../ui/interval_bar.js";
import { Widget } from "../ui/widget.js";

/** @typedef {ShownComparison["outcome"]} Outcome   of the adapter */

const SHOWN_PROMPTS = 8;

/** @type {Outcome[]} */
const PLACES = ["loss", "tie", "win"]; // from left to right

/** @param {Host<VerdictCardText, VerdictCardServer>} host */
export function mount(host) {
  const card = new VerdictCard(host);
  host.watch("value", () => card.draw());
  card.draw();
}

/** @extends {Widget<VerdictCardText, VerdictCardServer>} */
class VerdictCard extends Widget {
  drawn = "";

  draw() {
    const { text, root } = this;
    const value = this.props.value ?? "";
    if (value === this.drawn && root.children.length) return; // what was opened stays open
    this.drawn = value;
    /** @type {ShownVerdict | null} */
    const verdict = value ? JSON.parse(value) : null;
    root.hidden = !verdict;
    root.dataset.ready = String(Boolean(verdict));
    if (!verdict) return root.replaceChildren();
    root.replaceChildren(
      make("h3", { text: text.title }),
      make("p", { class: "verdict-sentence", text: verdict.sentence }),
      intervalBar(verdict),
      scale(text),
      make("p", { class: "verdict-counts", text: `${verdict.counts} · ${verdict.interval}` }),
      ...(verdict.rounds.length > 1 ? [rounds(verdict.rounds, text)] : []),
      byPrompt(verdict.prompts, text),
      comparisons(verdict.comparisons, text),
      this.training(verdict),
    );
  }

  /** @param {ShownVerdict} verdict */
  training(verdict) {
    const { text } = this;
    let { trains } = verdict;
    const sentence = make("p", { text: verdict.trains_sentence, role: "status" });
    const label = () => (trains ? text.takeBack : text.let);
    /** @param {HTMLButtonElement} pressed */
    const change = async (pressed) => {
      pressed.disabled = true;
      const reply = await this.ask("let_train", { run: verdict.run, trains: !trains });
      pressed.disabled = false;
      sentence.textContent = reply?.trains_sentence ?? reply?.error ?? text.lost;
      if (!reply?.ok) return;
      trains = reply.trains;
      pressed.dataset.trains = String(trains);
      pressed.textContent = label();
    };
    const press = button(label(), change, { "data-trains": String(trains) });
    const title = make("h4", { text: text.trainTitle });
    return make("section", { class: "verdict-part verdict-train" }, title, sentence, press);
  }
}

/** @param {VerdictCardText} text */
function scale(text) {
  const ends = [text.base, text.even, text.adapter].map((one) => make("span", { text: one }));
  return make("div", { class: "verdict-scale", "aria-hidden": "true" }, ...ends);
}

/**
 * A table whose last column is drawn and told.
 * @param {string} title
 * @param {string} hint
 * @param {string[]} columns
 * @param {HTMLElement[]} rows
 */
function table(title, hint, columns, rows) {
  const names = columns.map((name) => make("th", { scope: "col", text: name }));
  return make(
    "section",
    { class: "verdict-part" },
    make("h4", { text: title }),
    make("p", { class: "verdict-hint", text: hint }),
    make(
      "table",
      { class: "verdict-table", "aria-label": title },
      make("thead", {}, make("tr", {}, ...names)),
      make("tbody", {}, ...rows),
    ),
  );
}

/**
 * A row: its name, and a cell of what is drawn with the score next to it.
 * @param {string} name
 * @param {HTMLElement} drawn
 * @param {string} score
 * @param {HTMLElement | null} [told]
 */
function row(name, drawn, score, told = null) {
  const number = make("span", { class: "verdict-score", text: score });
  const cell = make("td", {}, make("span", { class: "verdict-cell" }, drawn, number, told));
  return make("tr", {}, make("th", { scope: "row", text: name }), cell);
}

/**
 * @param {Round[]} all
 * @param {VerdictCardText} text
 */
function rounds(all, text) {
  const rows = all.map((item) => {
    const node = row(item.name, intervalBar(item), item.score);
    if (item.now) {
      node.className = "now";
      node.setAttribute("aria-current", "true");
    }
    return node;
  });
  return table(text.rounds, text.roundsHint, [text.roundColumn, text.resultColumn], rows);
}

/**
 * Many prompts would push away what comes after; they wait behind their title.
 * @param {PromptScore[]} prompts
 * @param {VerdictCardText} text
 */
function byPrompt(prompts, text) {
  const rows = prompts.map((item) => {
    const marks = make("span", { class: "verdict-marks", "aria-hidden": "true" });
    for (const place of PLACES) {
      const some = item.marks.filter((mark) => mark === place).map(() => make("i", { class: `mark-${place}` }));
      marks.append(make("span", { class: "verdict-place" }, ...some));
    }
    const said = item.marks.map((mark) => text[`mark.${mark}`]).join(", ");
    return row(item.prompt, marks, item.score, make("span", { class: "visually-hidden", text: `: ${said}` }));
  });
  const all = table(text.prompts, text.promptsHint, [text.promptColumn, text.resultColumn], rows);
  if (prompts.length <= SHOWN_PROMPTS) return all;
  const title = make("summary", { text: `${text.prompts} (${prompts.length})` });
  return make("details", { class: "verdict-details" }, title, all);
}

/**
 * @param {ShownComparison[]} items
 * @param {VerdictCardText} text
 */
function comparisons(items, text) {
  const list = make("ul", { class: "verdict-images" });
  const ontoggle = () => {
    if (!details.open || list.children.length) return; // images only when somebody looks
    list.append(...items.map((item) => comparison(item, text)));
  };
  const details = make("details", { class: "verdict-details", ontoggle }, make("summary", { text: text.images }), list);
  return details;
}

/**
 * @param {ShownComparison} item
 * @param {VerdictCardText} text
 */
function comparison(item, text) {
  const { prompt, outcome } = item;
  /**
   * @param {string} sha256
   * @param {string} label
   * @param {boolean} chosen
   */
  const side = (sha256, label, chosen) => {
    const image = picture(imageAddress(sha256), `${label}: ${prompt}`, text.goneImage);
    const caption = make("figcaption", { text: chosen ? fill(text.chosen, { image: label }) : label });
    return make("figure", { class: chosen ? "chosen" : null }, image, caption);
  };
  const sides = make(
    "div",
    { class: "verdict-sides" },
    side(item.base, text.baseImage, outcome === "loss"),
    side(item.adapter, text.adapterImage, outcome === "win"),
  );
  return make("li", {}, sides, make("p", { text: outcome === "tie" ? fill(text.equal, { prompt }) : prompt }));
}
