// The pair board: two images, one click or one key. Pairs are fetched ahead, so the next one paints immediately; votes go
// out through the outbox. The images are the stage's, the meaning of keys is in keys.js, the elements in board_frame.js.

/** @import { Host, Reply } from "../ui/widget.js" */
/** @import { Job, Snapshot } from "../status/messages.js" */
/** @import { Consistency, Deck, LastVote, PairBoardServer, UndoMessage, Undone, Voted, VoteMessage } from "./messages.js" */
/** @import { Choice, Pair } from "./deck.js" */
/** @import { PairBoardText } from "./strings.js" */

import { count, fill } from "../ui/elements.js";
import { newId, remembered, voteMode } from "../ui/page.js";
import { Widget } from "../ui/widget.js";
import { BoardFrame } from "./board_frame.js";
import { loadImages } from "./deck.js";
import { isSecondClick } from "./fingers.js";
import { keepFocus, meantKey, toggleHelp } from "./keys.js";
import { Outbox } from "./outbox.js";
import { PHONE_PX } from "./stage.js";

/**
 * @typedef {{board: "train" | "judge", choices: Choice[], finish_lines: number[]}} Given
 * @typedef {{uuid: string, pair: Pair, side: boolean}} Cast   a choice that can be taken back
 * @typedef {({kind: "vote"} & VoteMessage) | ({kind: "undo"} & UndoMessage)} Op
 * @typedef {Reply<Voted> | Reply<Undone>} Told
 */

/**
 * @typedef {object} Progress
 * @property {number} done
 * @property {number} open
 * @property {number} total
 * @property {number} decided
 * @property {boolean} complete
 * @property {LastVote | null} last
 * @property {Consistency | null | undefined} consistency
 */

const DECK = 12;
const REFILL_BELOW = 8;
const AGAIN_MS = 1500;
const ASK_AGAIN = "sdpo.ask-again";

/** @typedef {Choice | "undo" | "peek" | "flicker" | "large" | "back" | "help"} Meaning */
/** @type {ReadonlyMap<string, Meaning>} */
const KEYS = new Map([
  ["arrowleft", "left"],
  ["a", "left"],
  ["arrowright", "right"],
  ["d", "right"],
  ["arrowdown", "tie"],
  ["b", "both-bad"],
  ["s", "skip"],
  ["z", "undo"],
  [" ", "peek"],
  ["c", "flicker"],
  ["f", "large"],
  ["escape", "back"],
  ["?", "help"],
]);

/** @param {Host<PairBoardText, PairBoardServer, Given>} host */
export function mount(host) {
  new PairBoard(host).start();
}

/** @returns {Progress} */
function noProgress() {
  return { done: 0, open: 0, total: 0, decided: 0, complete: false, last: null, consistency: null };
}

/** @extends {Widget<PairBoardText, PairBoardServer, Given>} */
class PairBoard extends Widget {
  /** @type {Pair[]} */
  deck = [];
  /** @type {Cast[]} */
  history = [];
  /** @type {Set<number>} */
  leftOut = new Set(); // ids of pairs with an image that can't be shown
  progress = noProgress();
  /** @type {Pair | null} */
  shownPair = null;
  /** @type {Job | null} */
  job = null;
  inSight = false; // the board was brought into sight since the page was opened
  shownAt = 0;
  fetching = false;
  behind = false; // whether the studio's numbers were asked for while votes were on their way
  generation = 0; // counts resets, so that answers to an earlier blind test are dropped

  /** @param {Host<PairBoardText, PairBoardServer, Given>} host */
  constructor(host) {
    super(host);
    this.judging = this.given.board === "judge";
    this.frame = new BoardFrame(this, this.text, this.given, this.judging ? null : ASK_AGAIN, {
      choose: (choice, event) => {
        if (!isSecondClick(event, this.shownAt)) this.choose(choice, event.shiftKey);
      },
      undo: () => this.undo(),
    });
    /** @type {Outbox<Op, Told>} */
    this.outbox = new Outbox(this, this.given.board, {
      deliver: async ({ kind, ...message }) =>
        kind === "vote"
          ? this.ask("vote", /** @type {VoteMessage} */ (message))
          : this.ask("undo", /** @type {UndoMessage} */ (message)),
      state: () => this.drawState(),
      said: (sentence) => this.say(sentence),
      idle: () => this.refill(),
      saved: (op, told) => this.saved(op, told),
    });
    this.root.replaceChildren(...this.frame.nodes);
    keepFocus(this.root);
  }

  start() {
    this.onDocument("keydown", (event) => this.onKey(event));
    this.onDocument("keyup", (event) => {
      const meaning = KEYS.get(event.key.toLowerCase());
      if (meaning === "peek" || meaning === "flicker") this.frame.stage.released();
    });
    this.onWindow("sdpo:status", ({ detail }) => this.onStatus(detail));
    this.watch("value", () => this.reset());
    if (!this.judging) {
      this.onWindow("sdpo:mode", ({ detail }) => {
        this.reset();
        this.say(detail?.said ?? "");
      });
    }
    this.every(250, () => {
      if (this.outbox.pending.length || !this.frame.badge.hidden) this.drawState();
    });
    this.draw();
    this.outbox.flush().then(() => this.refill());
  }

  get run() {
    return this.props.value || "";
  }

  /** @param {string} sentence */
  say(sentence) {
    this.frame.said.textContent = sentence;
  }

  // --- showing -------------------------------------------------------------------------------------------------------

  draw() {
    const { frame, root, progress } = this;
    const { stage } = frame;
    const pair = this.deck.at(0);
    const elements = pair?.ready && !progress.complete ? pair.elements : undefined;
    root.hidden = this.judging ? !this.run || progress.complete : !["pairs", "swiss"].includes(voteMode());
    stage.node.hidden = !elements && this.deck.length === 0;
    stage.node.classList.toggle("waiting", !elements);
    frame.hint.hidden = !stage.node.hidden;
    frame.tools.hidden = frame.help.hidden = stage.node.hidden;
    frame.prompt.textContent = pair && !stage.node.hidden ? pair.prompt : "";
    if (elements && this.shownPair !== pair) {
      stage.show(elements);
      this.bringIntoSight();
      this.shownAt = performance.now();
    }
    if (!elements) stage.clear();
    this.shownPair = (elements && pair) || null;
    root.dataset.pair = String(this.shownPair?.id ?? "");
    this.drawHint();
    this.drawState();
  }

  /** A phone takes both images and the buttons, and no more: when the page is opened, what is above is scrolled away. */
  bringIntoSight() {
    if (this.inSight || !this.visible()) return;
    this.inSight = true;
    if (scrollY === 0 && this.root.clientWidth < PHONE_PX) this.root.scrollIntoView({ block: "start" });
  }

  drawHint() {
    const { text, frame, judging, fetching, job } = this;
    const drawing = job?.running && (judging ? job.id === this.run : job.verb === "generate");
    const empty = voteMode() === "swiss" ? "swissEmpty" : "empty";
    let title = judging ? text.judgeShort : text[empty];
    if (drawing) title = judging ? text.judgeWaiting : text.drawing;
    else if (fetching) title = text.loading;
    frame.hintTitle.textContent = title;
    frame.hintText.textContent = judging || drawing || fetching ? "" : text[`${empty}Hint`];
    frame.hintButton.hidden = judging || Boolean(drawing) || fetching;
  }

  drawState() {
    const { text, frame, progress, root, outbox } = this;
    const { done, open, total, decided, complete } = progress;
    outbox.showUnsaved(frame.badge, text);
    frame.standing.draw(decided, progress.consistency);
    frame.count.textContent = total ? fill(text.progress, { done, total }) : count(text, "votes", decided, { open });
    frame.count.hidden = !total && done + open === 0;
    frame.meter.hidden = !total;
    frame.meterBar.style.width = `${total ? (100 * done) / total : 0}%`;
    root.dataset.pending = String(outbox.pending.length);
    root.dataset.done = String(done);
    root.dataset.fetching = String(this.fetching);
    root.dataset.complete = String(complete);
    for (const button of frame.choices) button.disabled = complete || !this.deck.at(0)?.ready;
    frame.undo.disabled = complete || (this.history.length === 0 && !progress.last);
  }

  // --- the deck ------------------------------------------------------------------------------------------------------

  /** @returns {Promise<void>} */
  async refill() {
    const { judging, progress, outbox, root } = this;
    if (root.hidden && !judging) return;
    const enough = this.deck.length >= REFILL_BELOW && !(this.behind && outbox.pending.length === 0);
    if (this.fetching || progress.complete || enough || (judging && !this.run)) return;
    this.fetching = true;
    root.dataset.fetching = "true";
    const mine = this.generation;
    const sent = outbox.pending.length === 0 ? outbox.sent : -1;
    const reply = await this.ask("deck", {
      run: this.run,
      n: Math.max(1, DECK - this.deck.length),
      have: [...this.known(), ...this.leftOut],
      again: remembered(ASK_AGAIN) !== "off",
      mode: !judging && voteMode() === "swiss" ? "swiss" : "pairs",
    });
    this.fetching = false;
    if (mine !== this.generation) return this.refill();
    if (!reply) setTimeout(() => this.refill(), AGAIN_MS);
    else if (!reply.ok) this.say(reply.error);
    else this.take(reply, sent);
    this.draw();
  }

  /** Ids of the pairs that are here, or whose vote is on its way. */
  known() {
    const sent = this.outbox.pending.flatMap(({ op }) => (op.kind === "vote" ? [op.pair] : []));
    return new Set([...this.deck.map((pair) => pair.id), ...sent]);
  }

  /**
   * @param {Deck} reply
   * @param {number} sent   how many votes had been sent when it was asked for; -1: some were on their way
   */
  take(reply, sent) {
    const { outbox, progress } = this;
    this.behind = sent !== outbox.sent; // a vote crossed this answer, whose numbers may be those from before it
    if (!this.behind) {
      Object.assign(progress, { done: reply.done, open: reply.open, decided: reply.decided ?? 0 });
      if (this.history.length === 0) progress.last = reply.last;
    }
    progress.consistency = reply.consistency;
    progress.total = reply.total ?? 0;
    if (reply.complete) this.finish();
    const known = this.known();
    for (const pair of reply.pairs) if (!known.has(pair.id)) this.deck.push(this.load(pair));
    if (this.behind && outbox.pending.length === 0) this.refill();
  }

  /** @param {Pair} pair */
  load(pair) {
    return loadImages(pair, [this.text.left, this.text.right], {
      ready: () => {
        if (this.deck.at(0) === pair) this.draw();
      },
      gone: () => this.leaveOut(pair),
    });
  }

  /** @param {Pair} pair */
  leaveOut(pair) {
    this.leftOut.add(pair.id);
    this.deck = this.deck.filter((other) => other !== pair);
    this.say(this.text.gone);
    this.draw();
    this.refill();
  }

  // --- choosing ------------------------------------------------------------------------------------------------------

  /** @param {Choice} choice */
  choose(choice, muchBetter = false) {
    const { text, frame } = this;
    const pair = this.deck.at(0);
    if (!pair?.ready || this.progress.complete || !this.given.choices.includes(choice)) return;
    this.deck.shift();
    const uuid = newId();
    const ms = Math.round(performance.now() - this.shownAt);
    const side = choice === "left" || choice === "right";
    const strongly = side && (muchBetter || frame.strong) ? text[`choseStrongly.${choice}`] : "";
    this.history.push({ uuid, pair, side });
    frame.standing.chosen();
    frame.standing.goOn();
    this.tally(pair, side, 1);
    frame.setStrong(false);
    frame.stage.lookAway();
    this.say(strongly || text[`chose.${choice}`]);
    const again = pair.repeat_of ? { swapped: pair.swapped, repeat_of: pair.repeat_of } : {};
    const about = { run: this.run, uuid, pair: pair.id, images: pair.images };
    this.outbox.send({ kind: "vote", ...about, choice, ms, strength: strongly ? 2 : 1, ...again });
    this.draw();
    this.refill();
  }

  /**
   * The numbers as they will be once the studio has heard of it; a pair that was asked again is counted already.
   * @param {Pair} pair
   * @param {boolean} side
   * @param {1 | -1} by
   */
  tally(pair, side, by) {
    const { progress } = this;
    if (pair.repeat_of) return;
    progress.done += by;
    progress.open -= by;
    if (!side) return;
    progress.decided += by;
    if (!this.judging) this.frame.standing.crossed(progress.decided - by, progress.decided);
  }

  undo() {
    const { progress, outbox, text } = this;
    if (progress.complete) return;
    /** @type {Cast | null | undefined} */
    const taken = this.history.pop() ?? (outbox.pending.length === 0 ? progress.last : null);
    if (!taken) return this.say(text.undoFirst);
    progress.last = null;
    this.tally(taken.pair, taken.side, -1);
    this.deck = this.deck.filter((pair) => pair.id !== taken.pair.id);
    this.deck.unshift(taken.pair.elements ? taken.pair : this.load(taken.pair));
    this.say(text.undone);
    this.frame.stage.lookAway();
    outbox.send({ kind: "undo", run: this.run, uuid: newId(), vote: taken.uuid });
    this.draw();
  }

  /**
   * @param {Op} op
   * @param {Told} told
   */
  saved(op, told) {
    const { progress } = this;
    if (op.kind === "undo" && this.history.length === 0) progress.last = ("last" in told && told.last) || null;
    if (told.consistency) progress.consistency = told.consistency;
    if ("complete" in told && told.complete && op.run === this.props.value) this.finish();
  }

  finish() {
    if (this.progress.complete) return;
    this.progress.complete = true;
    this.deck = [];
    this.draw();
    this.trigger("complete");
  }

  // --- events --------------------------------------------------------------------------------------------------------

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const { frame, root } = this;
    const { stage } = frame;
    const meaning = meantKey(this, event, KEYS);
    if (!meaning || (meaning === "back" && !stage.looking && !root.classList.contains("large"))) return;
    const look = meaning === "peek" || meaning === "flicker";
    const aside = look || meaning === "undo" || meaning === "large" || meaning === "back" || meaning === "help";
    const choice = aside ? null : meaning;
    if (choice && !this.given.choices.includes(choice)) return;
    event.preventDefault();
    if (event.repeat) return;
    if (choice) this.choose(choice, event.shiftKey);
    else if (look) stage.toggleLook(meaning);
    else if (meaning === "undo") this.undo();
    else if (meaning === "help") toggleHelp(frame.help);
    else if (meaning === "back" && stage.looking) stage.lookAway();
    else frame.setLarge();
  }

  /** @param {Snapshot} status */
  onStatus({ job, counts }) {
    this.job = job;
    if (!this.visible()) {
      this.inSight = false;
      return;
    }
    if (this.shownPair) this.bringIntoSight();
    const few = this.deck.length < REFILL_BELOW && (this.deck.length === 0 || counts.open > this.deck.length);
    if (few) this.refill();
    else this.drawHint();
  }

  reset() {
    this.generation += 1;
    this.deck = [];
    this.history = [];
    this.leftOut = new Set();
    this.progress = noProgress();
    this.say("");
    this.draw();
    this.refill();
  }
}
