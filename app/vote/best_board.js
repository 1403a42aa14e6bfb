// Several images of one prompt: a click on the best, then one on the worst. Sets are fetched ahead like pairs; answers go
// out through the outbox.

/** @import { Host, Reply } from "../ui/widget.js" */
/** @import { Loadable } from "./deck.js" */
/** @import { BestBoardServer, RankedVotes, RankMessage, ShownSet, UndoMessage, UndoneRanking } from "./messages.js" */
/** @import { BestBoardText } from "./strings.js" */

import { button, count, fill, make } from "../ui/elements.js";
import { newId, openTab, remember, remembered, voteMode } from "../ui/page.js";
import { Widget } from "../ui/widget.js";
import { fitted, SIZES } from "./best_fit.js";
import { loadImages } from "./deck.js";
import { isSecondClick } from "./fingers.js";
import { keepFocus, keyHelp, keySwitch, meantKey, toggleHelp } from "./keys.js";
import { Outbox } from "./outbox.js";

/**
 * @typedef {ShownSet & Loadable} ImageSet
 * @typedef {{uuid: string, set: ImageSet}} Ranked   an answer that can be taken back
 * @typedef {({kind: "rank"} & RankMessage) | ({kind: "undo"} & UndoMessage)} Op
 * @typedef {Reply<RankedVotes> | Reply<UndoneRanking>} Told
 */

const AHEAD = 3;
const AGAIN_MS = 1500;
const SIZE = "sdpo.best-of";

/** @type {Map<string, "undo" | "skip" | "help" | number>} */
const KEYS = new Map();
KEYS.set("z", "undo").set("s", "skip").set("?", "help");
for (let place = 0; place < 9; place += 1) KEYS.set(String(place + 1), place);

/** @param {Host<BestBoardText, BestBoardServer>} host */
export function mount(host) {
  new BestBoard(host).start();
}

function wantedSize() {
  const kept = Number(remembered(SIZE));
  return SIZES.includes(kept) ? kept : 4;
}

/** @extends {Widget<BestBoardText, BestBoardServer>} */
class BestBoard extends Widget {
  /** @type {ImageSet[]} */
  deck = [];
  /** @type {Ranked[]} */
  history = [];
  /** @type {number | null} */
  best = null; // the place of the best one, once it is chosen
  /** @type {ImageSet | null} */
  shownSet = null;
  shownAt = 0;
  changedAt = 0; // when a set was shown, or its best image marked
  fetching = false;
  done = 0;
  decided = 0; // of them, those that can train
  /** @type {Ranked | null} */
  last = null;
  generation = 0;
  /** @type {Set<number>} */
  putOff = new Set(); // candidates of sets that were not wanted now, or can't be shown
  /** @type {HTMLButtonElement[]} */
  tiles = [];

  /** @param {Host<BestBoardText, BestBoardServer>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    this.question = make("p", { class: "board-prompt best-question" });
    this.prompt = make("p", { class: "best-prompt" });
    this.badge = make("span", { class: "board-unsaved", role: "status", title: text.unsavedHint, hidden: true });
    this.count = make("span", { class: "board-count" });
    const sizes = SIZES.map((n) => make("option", { value: n, text: n, selected: n === wantedSize() }));
    this.size = make("select", { "aria-label": text.bestOf, onchange: () => this.resize() }, ...sizes);
    this.grid = make("div", { class: "best-grid", role: "group", "aria-label": text.best });
    this.skipButton = make("button", { type: "button", class: "board-button skip", onclick: () => this.skip() });
    this.undoButton = make("button", { type: "button", class: "board-button undo", onclick: () => this.undo() });
    this.help = keyHelp(text.keysTitle, [
      [["1", "2", "…"], text.numberKey],
      [["S"], `${text.notNow}; ${text.noWorst}`],
      [["Z"], text.undo],
      [["?"], text.helpKey],
    ]);
    this.said = make("span", { class: "board-said", "aria-live": "polite" });
    this.hintTitle = make("p", { class: "board-empty-title" });
    this.hintText = make("p", { class: "board-empty-hint" });
    this.hintButton = button(text.emptyButton, () => openTab("generate"), { class: "sdpo-button" });
    this.hint = make("div", { class: "board-empty", hidden: true }, this.hintTitle, this.hintText, this.hintButton);
    /** @type {Outbox<Op, Told>} */
    this.outbox = new Outbox(this, "best", {
      deliver: async ({ kind, ...message }) =>
        kind === "rank"
          ? this.ask("rank", /** @type {RankMessage} */ (message))
          : this.ask("undo", /** @type {UndoMessage} */ (message)),
      state: () => this.drawState(),
      said: (sentence) => this.say(sentence),
      idle: () => this.recount().then(() => this.refill()),
      saved: (op, told) => this.saved(op, told),
    });
    this.root.replaceChildren(this.top(), this.grid, this.hint, this.bottom());
    keepFocus(this.root);
  }

  start() {
    this.onDocument("keydown", (event) => this.onKey(event));
    this.onWindow("sdpo:mode", () => this.reset());
    this.onWindow("sdpo:status", () => {
      if (this.visible() && this.deck.length === 0) this.refill();
    });
    this.onWindow("resize", () => this.fit());
    const size = new ResizeObserver(() => this.fit());
    size.observe(this.root);
    this.life.addEventListener("abort", () => size.disconnect());
    this.every(250, () => {
      if (this.outbox.pending.length || !this.badge.hidden) this.drawState();
    });
    this.draw();
    this.outbox.flush();
  }

  top() {
    const size = make("label", { class: "best-size" }, this.text.bestOf, this.size);
    const state = make("div", { class: "board-state" }, this.badge, this.count, size);
    return make("div", { class: "board-top" }, make("div", {}, this.question, this.prompt), state);
  }

  bottom() {
    const buttons = make("div", { class: "board-buttons" }, this.skipButton, this.undoButton);
    buttons.append(keySwitch(this, this.text.keysSwitch));
    return make("div", { class: "board-bottom" }, buttons, this.said, this.help);
  }

  /** @param {string} sentence */
  say(sentence) {
    this.said.textContent = sentence;
  }

  // --- showing -------------------------------------------------------------------------------------------------------

  draw() {
    const { text, root, best, fetching } = this;
    const first = this.deck.at(0);
    const set = first?.ready ? first : null;
    root.hidden = voteMode() !== "best";
    this.grid.hidden = this.question.hidden = !first;
    this.hint.hidden = Boolean(first);
    this.hintTitle.textContent = fetching ? text.loading : text.bestEmpty;
    this.hintText.textContent = fetching ? "" : text.bestEmptyHint;
    this.hintButton.hidden = fetching;
    this.question.textContent = best === null ? text.best : text.worst;
    this.prompt.textContent = first?.prompt ?? "";
    if (set !== this.shownSet) {
      this.tiles = (set?.elements ?? []).map((image, place) => this.tile(image, place));
      this.grid.replaceChildren(...this.tiles);
      this.shownSet = set;
      this.shownAt = this.changedAt = performance.now();
      this.fit();
    }
    for (const [place, tile] of this.tiles.entries()) tile.classList.toggle("best", place === best);
    label(this.skipButton, "S", best === null ? text.notNow : text.noWorst);
    label(this.undoButton, "Z", best === null ? text.undo : text.back);
    this.skipButton.disabled = !set;
    this.undoButton.disabled = best === null && !this.history.length && !this.last;
    root.dataset.set = set ? set.candidates.join() : "";
    root.dataset.best = String(best ?? "");
    this.drawState();
  }

  drawState() {
    const { text, root, outbox, done } = this;
    outbox.showUnsaved(this.badge, text);
    this.count.textContent = count(text, "bestVotes", this.decided);
    root.dataset.pending = String(outbox.pending.length);
    root.dataset.done = String(done);
  }

  /**
   * @param {HTMLImageElement} image
   * @param {number} place
   */
  tile(image, place) {
    const { text } = this;
    const number = place + 1;
    return make(
      "button",
      {
        type: "button",
        class: "board-image",
        "aria-label": fill(text.number, { n: number }),
        "aria-keyshortcuts": number,
        onclick: (/** @type {MouseEvent} */ event) => {
          if (!isSecondClick(event, this.changedAt)) this.choose(place);
        },
      },
      image,
      make("kbd", { text: number, "aria-hidden": "true" }),
      make("span", { class: "best-mark", text: text.bestMark }),
    );
  }

  fit() {
    const { root, grid } = this;
    const images = this.shownSet?.elements;
    if (!images || !root.clientWidth) return;
    const { columns, width, height } = fitted(images, root.clientWidth, grid.getBoundingClientRect().top + scrollY);
    root.style.setProperty("--image-w", `${width}px`);
    root.style.setProperty("--image-h", `${height}px`);
    grid.style.gridTemplateColumns = `repeat(${columns}, var(--image-w))`;
  }

  // --- the sets ------------------------------------------------------------------------------------------------------

  /** @returns {Promise<void>} */
  async refill() {
    const { root, outbox } = this;
    if (this.fetching || root.hidden || this.deck.length >= AHEAD) return;
    this.fetching = true;
    const mine = this.generation;
    const waiting = outbox.pending.flatMap(({ op }) => (op.kind === "rank" ? op.candidates : []));
    const have = [...this.deck.flatMap((set) => set.candidates), ...waiting, ...this.putOff];
    const reply = await this.ask("sets", { size: wantedSize(), have });
    this.fetching = false;
    if (mine !== this.generation) return this.refill();
    if (!reply) setTimeout(() => this.refill(), AGAIN_MS);
    else if (!reply.ok) this.say(reply.error);
    else {
      if (outbox.pending.length === 0) {
        [this.done, this.decided] = [reply.done, reply.decided];
        this.last = this.history.length ? null : reply.last;
      }
      const known = new Set(this.deck.flatMap((set) => set.candidates));
      for (const set of reply.sets) {
        if (!set.candidates.some((one) => known.has(one))) this.deck.push(this.load(set));
      }
    }
    this.draw();
  }

  /** @param {ImageSet} set */
  load(set) {
    return loadImages(set, [], {
      ready: () => {
        if (this.deck.at(0) === set) this.draw();
      },
      gone: () => {
        this.putAway(set);
        this.say(this.text.gone);
      },
    });
  }

  /** @param {ImageSet} set */
  putAway(set) {
    for (const one of set.candidates) this.putOff.add(one);
    this.deck = this.deck.filter((other) => other !== set);
    this.best = null;
    this.draw();
    this.refill();
  }

  /** How many votes there are now; an answer gives several, and some pairs may have had theirs. */
  async recount() {
    if (this.root.hidden) return;
    const reply = await this.ask("sets", { size: wantedSize(), have: [] });
    if (reply?.ok && this.outbox.pending.length === 0) [this.done, this.decided] = [reply.done, reply.decided];
    this.drawState();
  }

  resize() {
    remember(SIZE, this.size.value);
    this.size.blur();
    this.reset();
  }

  reset() {
    this.generation += 1;
    this.deck = [];
    this.history = [];
    this.best = null;
    this.last = null;
    this.putOff.clear();
    this.draw();
    this.refill();
  }

  // --- choosing ------------------------------------------------------------------------------------------------------

  /** @param {number} place */
  choose(place) {
    const set = this.deck.at(0);
    if (!set?.ready || place >= set.candidates.length) return;
    if (this.best !== null && place !== this.best) {
      this.answer(set, this.best, place);
      return;
    }
    this.best = this.best === null ? place : null; // pressed again: not that one after all
    this.changedAt = performance.now();
    this.draw();
  }

  /**
   * @param {ImageSet} set
   * @param {number} best
   * @param {number | null} worst
   */
  answer(set, best, worst) {
    this.deck.shift();
    const uuid = newId();
    const { candidates, images } = set;
    const ms = Math.round(performance.now() - this.shownAt);
    const chosen = { best: candidates[best], worst: worst === null ? null : candidates[worst] };
    this.history.push({ uuid, set });
    this.best = null;
    this.outbox.send({ kind: "rank", uuid, candidates, images, ...chosen, ms });
    this.draw();
    this.refill();
  }

  skip() {
    const set = this.deck.at(0);
    if (!set?.ready) return;
    if (this.best === null) this.putAway(set);
    else this.answer(set, this.best, null);
  }

  undo() {
    if (this.best !== null) {
      this.best = null;
      return this.draw();
    }
    const taken = this.history.pop() ?? (this.outbox.pending.length === 0 ? this.last : null);
    if (!taken) return;
    this.last = null;
    this.deck = this.deck.filter((set) => !set.candidates.some((one) => taken.set.candidates.includes(one)));
    this.deck.unshift(taken.set.elements ? taken.set : this.load(taken.set));
    this.say(this.text.undone);
    this.outbox.send({ kind: "undo", uuid: newId(), vote: taken.uuid });
    this.draw();
  }

  /**
   * @param {Op} op
   * @param {Told} told
   */
  saved(op, told) {
    if ("votes" in told && told.votes) this.say(fill(this.text.choseBest, { n: told.votes }));
    if (op.kind === "undo" && !this.history.length) this.last = ("last" in told && told.last) || null;
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const meaning = meantKey(this, event, KEYS);
    if (meaning === undefined) return;
    event.preventDefault();
    if (event.repeat) return;
    if (meaning === "undo") this.undo();
    else if (meaning === "skip") this.skip();
    else if (meaning === "help") toggleHelp(this.help);
    else this.choose(meaning);
  }
}

/**
 * @param {HTMLButtonElement} button
 * @param {string} key
 * @param {string} words
 */
function label(button, key, words) {
  button.replaceChildren(make("kbd", { text: key, "aria-hidden": "true" }), words);
}
