// All votes, newest first. A change is a new vote on the pair, a deletion takes its vote back; both go out through the
// outbox, so nothing is lost here either.

/** @import { Host, Reply } from "../ui/widget.js" */
/** @import { PageRequest, PastVote, ReviewServer, UndoMessage, Undone, Voted, VoteMessage } from "./messages.js" */
/** @import { Choice, Side } from "./deck.js" */
/** @import { ReviewText } from "./strings.js" */

import { button, count, fill, make } from "../ui/elements.js";
import { imageAddress, picture } from "../ui/images.js";
import { newId, voteMode } from "../ui/page.js";
import { Widget } from "../ui/widget.js";
import { Outbox } from "./outbox.js";

/**
 * @typedef {PastVote & {gone?: boolean}} CardVote   with `gone` it was taken back here
 * @typedef {Omit<PageRequest, "before">} Filter
 * @typedef {{choices: Choice[]}} Given
 * @typedef {({kind: "vote"} & VoteMessage) | ({kind: "undo"} & UndoMessage)} Op
 * @typedef {PastVote["strength"]} Strength
 * @typedef {Reply<Voted> | Reply<Undone>} Told
 */

const TYPED_MS = 250;
const AGAIN_MS = 1500;

/** @param {Host<ReviewText, ReviewServer, Given>} host */
export function mount(host) {
  new Review(host).start();
}

/** @extends {Widget<ReviewText, ReviewServer, Given>} */
class Review extends Widget {
  count = 0; // votes that were loaded
  /** @type {string | null} */
  cursor = null; // the oldest of them, as it was named then
  total = 0;
  more = false;
  loading = false;
  generation = 0;
  timer = 0;

  /** @param {Host<ReviewText, ReviewServer, Given>} host */
  constructor(host) {
    super(host);
    const { text, given } = this;
    const onchange = () => this.reload();
    this.search = make("input", { type: "search", maxlength: 2000, oninput: () => this.later() });
    this.only = make(
      "select",
      { onchange },
      make("option", { value: "", text: text.anyChoice }),
      ...given.choices.map((choice) => make("option", { value: choice, text: text[choice] })),
      make("option", { value: "much-better", text: text.muchBetter }),
      make("option", { value: "unsteady", text: text.unsteady }),
    );
    this.since = make("input", { type: "date", onchange });
    this.until = make("input", { type: "date", onchange });
    this.clear = button(text.clear, () => this.clearFilters(), { class: "board-button" });
    this.found = make("span", { class: "review-found", role: "status" });
    this.badge = make("span", { class: "board-unsaved", role: "status", title: text.unsavedHint, hidden: true });
    this.said = make("span", { class: "board-said", "aria-live": "polite" });
    this.grid = make("ul", { class: "review-cards", "aria-label": text.label });
    this.none = make("p", { class: "sdpo-empty", hidden: true });
    this.moreButton = button(text.more, () => this.load());
    /** @type {Outbox<Op, Told>} */
    this.outbox = new Outbox(this, "review", {
      deliver: async ({ kind, ...message }) =>
        kind === "vote"
          ? this.ask("vote", /** @type {VoteMessage} */ (message))
          : this.ask("undo", /** @type {UndoMessage} */ (message)),
      state: () => this.drawState(),
      said: (sentence) => this.say(sentence),
      saved: (_, told) => {
        if (!told.ok) this.reload(); // it was changed elsewhere: show how it is
      },
      idle: () => {},
    });
    const line = make("div", { class: "review-line" }, this.found, this.badge, this.said);
    this.root.replaceChildren(this.filters(), line, this.grid, this.none, this.moreButton);
  }

  start() {
    this.onWindow("sdpo:mode", () => {
      this.draw();
      this.reload();
    });
    this.every(250, () => {
      if (this.outbox.pending.length || !this.badge.hidden) this.drawState();
    });
    this.draw();
    this.outbox.flush().then(() => this.reload());
  }

  filters() {
    const { text } = this;
    const label = (/** @type {string} */ words, /** @type {HTMLElement} */ field) =>
      make("label", {}, make("span", { text: words }), field);
    return make(
      "div",
      { class: "review-filters" },
      label(text.search, this.search),
      label(text.filterChoice, this.only),
      label(text.since, this.since),
      label(text.until, this.until),
      this.clear,
    );
  }

  /** @param {string} sentence */
  say(sentence) {
    this.said.textContent = sentence;
  }

  // --- loading -------------------------------------------------------------------------------------------------------

  /** @returns {Filter} */
  wanted() {
    const choice = this.given.choices.find((one) => one === this.only.value) ?? "";
    const only = /** @type {Filter["only"]} */ (choice ? "" : this.only.value);
    const dates = { since: moment(this.since.value, 0), until: moment(this.until.value, 1) };
    return { prompt: this.search.value, choice, only, ...dates };
  }

  clearFilters() {
    for (const field of [this.search, this.only, this.since, this.until]) field.value = "";
    this.reload();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.reload(), TYPED_MS);
  }

  reload() {
    this.generation += 1;
    this.cursor = null;
    this.load();
  }

  async load() {
    if (this.root.hidden) return;
    const mine = this.generation;
    this.loading = true;
    const reply = await this.ask("look_up", { ...this.wanted(), before: this.cursor });
    if (mine !== this.generation) return;
    this.loading = false;
    if (!reply) {
      setTimeout(() => {
        if (mine === this.generation) this.load();
      }, AGAIN_MS);
      return;
    }
    if (!reply.ok) this.say(reply.error);
    else {
      const cards = reply.votes.map((vote) => new Card(this, vote).node);
      if (this.cursor) this.grid.append(...cards);
      else this.grid.replaceChildren(...cards);
      this.count = this.grid.children.length;
      this.cursor = reply.votes.at(-1)?.uuid ?? this.cursor;
      [this.total, this.more] = [reply.total, reply.more];
    }
    this.draw();
  }

  draw() {
    const { text, total } = this;
    this.root.hidden = voteMode() !== "review";
    this.found.textContent = count(text, "found", total);
    const filtered = Object.values(this.wanted()).some(Boolean);
    this.clear.hidden = !filtered;
    this.none.hidden = this.loading || this.count > 0;
    this.none.textContent = filtered ? text.none : text.noneYet;
    this.moreButton.hidden = !this.more;
    this.root.dataset.votes = String(this.count);
    this.drawState();
  }

  drawState() {
    this.outbox.showUnsaved(this.badge, this.text);
    this.root.dataset.pending = String(this.outbox.pending.length);
  }
}

/** One vote, and what can be changed about it. */
class Card {
  /**
   * @param {Review} review
   * @param {CardVote} vote
   */
  constructor(review, vote) {
    this.review = review;
    this.vote = vote;
    this.text = review.text;
    const { text } = this;
    const options = review.given.choices.map((name) => make("option", { value: name, text: text[name] }));
    const onchange = () => {
      this.change(/** @type {Choice} */ (this.choice.value));
    };
    this.choice = make("select", { "aria-label": text.change, onchange }, ...options);
    this.strong = button(text.strong, () => this.cast(vote.choice, vote.strength === 2 ? 1 : 2), {
      class: "board-button",
    });
    this.remove = button("", () => (vote.gone ? this.restore() : this.take()), { class: "board-button" });
    this.left = this.thumb("left", vote.images[0], text.asLeft);
    this.right = this.thumb("right", vote.images[1], text.asRight);
    const again = vote.again ? fill(text.again, { choice: text[vote.again] }) : "";
    const facts = [vote.when, vote.ranked ? text.ranked : "", again].filter(Boolean).join(" · ");
    this.node = make(
      "li",
      { class: "review-card" },
      make("div", { class: "review-images" }, this.left, this.right),
      make("p", { class: "review-prompt", text: vote.prompt, title: vote.prompt }),
      make("p", { class: "review-facts", text: facts }),
      make("div", { class: "review-buttons" }, this.choice, this.strong, this.remove),
    );
    this.draw();
  }

  /**
   * @param {Side} side
   * @param {string} sha256
   * @param {string} label
   */
  thumb(side, sha256, label) {
    const image = picture(imageAddress(sha256), "", this.text.goneImage);
    const onclick = () => this.change(side);
    return make("button", { type: "button", "aria-label": fill(label, this.vote), onclick }, image);
  }

  draw() {
    const { node, vote, text } = this;
    const { choice, strength } = vote;
    const gone = Boolean(vote.gone);
    node.classList.toggle("gone", gone);
    node.dataset.choice = gone ? "" : choice;
    node.dataset.pair = String(vote.pair);
    this.left.setAttribute("aria-pressed", String(!gone && choice === "left"));
    this.right.setAttribute("aria-pressed", String(!gone && choice === "right"));
    this.choice.value = choice;
    this.choice.disabled = gone;
    this.strong.hidden = gone || (choice !== "left" && choice !== "right");
    this.strong.setAttribute("aria-pressed", String(strength === 2));
    this.remove.textContent = gone ? text.restore : text.delete;
  }

  /** @param {Choice} choice */
  change(choice) {
    if (!this.vote.gone && choice === this.vote.choice) return;
    this.cast(choice, 1);
    this.review.say(this.text.changed);
  }

  /**
   * @param {Choice} choice
   * @param {Strength} strength
   */
  cast(choice, strength) {
    const { vote } = this;
    Object.assign(vote, { uuid: newId(), choice, strength, gone: false });
    const { uuid, pair, images } = vote;
    this.review.outbox.send({ kind: "vote", uuid, pair, images, choice, strength });
    this.draw();
  }

  take() {
    const { vote, review } = this;
    vote.gone = true;
    review.outbox.send({ kind: "undo", uuid: newId(), vote: vote.uuid });
    review.say(this.text.deleted);
    this.draw();
  }

  restore() {
    this.cast(this.vote.choice, this.vote.strength);
    this.review.say(this.text.restored);
  }
}

/**
 * When a day begins as this person's clock has it, or another day so many `days` later; null where none is given.
 * @param {string} written
 * @param {number} days
 */
function moment(written, days) {
  if (!written) return null;
  const [year, month, day] = written.split("-").map(Number);
  return new Date(year, month - 1, day + days).toISOString();
}
