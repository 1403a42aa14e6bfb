// What the votes say: as text, as images, and the pairs that the model of the taste is unsure about. It is folded away
// until somebody opens it, and nothing is fitted before.

/** @import { Host } from "../ui/widget.js" */
/** @import { Card, Doubt, SaysCardServer, ShownImage } from "./messages.js" */
/** @import { SaysCardText } from "./strings.js" */

import { button, fill, make, makeSaid } from "../ui/elements.js";
import { imageAddress, picture } from "../ui/images.js";
import { chooseMode, remember, remembered } from "../ui/page.js";
import { Widget } from "../ui/widget.js";

const OPEN = "sdpo.says";
const SOON_MS = 700; // while the votes are read
const NEWER = 10; // votes after which it looks again by itself

/** @param {Host<SaysCardText, SaysCardServer>} host */
export function mount(host) {
  new SaysCard(host).start();
}

/** @extends {Widget<SaysCardText, SaysCardServer>} */
class SaysCard extends Widget {
  asking = false;
  shown = "";
  looked = -1; // how many votes there were when it looked
  voted = 0;
  seen = false;

  /** @param {Host<SaysCardText, SaysCardServer>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    this.looking = make("p", { class: "says-looking", role: "status", hidden: true, text: text.looking });
    this.said = makeSaid();
    this.body = make("div", { class: "says-body" });
    const summary = make("summary", {}, make("h2", { text: text.title }), make("span", { text: text.hint }));
    const open = remembered(OPEN) === "open";
    this.box = make("details", { class: "says", open, ontoggle: () => this.toggled() }, summary);
    this.box.append(this.looking, this.said.node, this.body);
    this.root.replaceChildren(this.box);
  }

  start() {
    this.onWindow("sdpo:status", ({ detail }) => {
      this.voted = detail.counts.pairs - detail.counts.open;
      const opened = this.visible() && !this.seen;
      this.seen = this.visible();
      if (opened || (this.seen && Math.abs(this.voted - this.looked) >= NEWER)) this.look();
    });
    this.look();
  }

  // --- asking --------------------------------------------------------------------------------------------------------

  toggled() {
    remember(OPEN, this.box.open ? "open" : "closed");
    this.look();
  }

  async look() {
    if (this.asking || !this.box.open || !this.visible()) return;
    this.asking = true;
    if (!this.shown) this.looking.hidden = false;
    const before = this.voted;
    const reply = await this.ask("look");
    this.asking = false;
    this.looking.hidden = !reply?.looking;
    this.root.dataset.looking = String(Boolean(reply?.looking));
    if (!reply?.ok) return this.said.say(reply?.error ?? this.text.lost, "bad");
    this.said.say("");
    this.looked = before;
    if ("sentences" in reply) this.draw(reply);
    if (reply.looking) setTimeout(() => this.look(), SOON_MS);
  }

  /**
   * The board shows these pairs next.
   * @param {Doubt[]} doubts
   * @param {HTMLButtonElement} pressed
   */
  async askFirst(doubts, pressed) {
    pressed.disabled = true;
    const pairs = doubts.map(({ candidates, images }) => ({ candidates, images }));
    const reply = await this.ask("ask_first", { pairs });
    pressed.disabled = false;
    if (!reply?.ok) return this.said.say(reply?.error ?? this.text.lost, "bad");
    chooseMode("pairs", reply.sentence);
    document.getElementById("vote-modes")?.scrollIntoView({ block: "start" });
  }

  // --- showing -------------------------------------------------------------------------------------------------------

  /** @param {Card} card */
  draw(card) {
    const now = JSON.stringify([card.sentences, card.most, card.least, card.prompts, card.unsure]);
    if (now === this.shown) return; // nobody loses the button under a finger
    this.shown = now;
    this.root.dataset.unsure = String(card.unsure.length);
    const { text } = this;
    const words = card.sentences.map((sentence) => make("p", { text: sentence }));
    const parts = [
      make("div", { class: "says-words" }, ...words),
      card.unsure.length ? this.doubts(card) : null,
      card.most.length
        ? make("section", { class: "says-ends" }, this.row(text.most, card.most), this.row(text.least, card.least))
        : null,
      this.agreements(card),
    ];
    this.body.replaceChildren(...parts.filter((part) => part !== null));
  }

  /**
   * @param {string} sha256
   * @param {string} alt
   */
  thumb(sha256, alt) {
    return picture(imageAddress(sha256), alt, this.text.gone);
  }

  /**
   * @param {string} title
   * @param {ShownImage[]} images
   */
  row(title, images) {
    const items = images.map((one) => make("li", { title: one.prompt }, this.thumb(one.sha256, one.prompt)));
    return make("div", {}, make("h3", { text: title }), make("ul", { class: "says-images" }, ...items));
  }

  /** @param {Card} card */
  doubts({ unsure, press }) {
    const { text } = this;
    const pairs = unsure.map((one) => {
      const images = one.images.map((sha256, i) => this.thumb(sha256, i ? "" : fill(text.pair, one)));
      return make("li", { title: one.prompt }, ...images);
    });
    const about = make("div", {}, make("h3", { text: text.unsure }), make("p", { text: text.unsureHint }));
    const presser = button(press, (pressed) => this.askFirst(unsure, pressed), { class: "sdpo-button says-press" });
    return make(
      "section",
      { class: "says-unsure" },
      make("div", {}, about, presser),
      make("ul", { class: "says-pairs" }, ...pairs),
    );
  }

  /** @param {Card} card */
  agreements({ prompts, prompts_note }) {
    if (!prompts.length) return prompts_note ? make("p", { class: "says-note", text: prompts_note }) : null;
    const { text } = this;
    const rows = prompts.flatMap((one) => [make("dt", { text: one.prompt }), make("dd", { text: one.sentence })]);
    return make(
      "section",
      {},
      make("h3", { text: text.prompts }),
      make("p", { class: "says-note", text: text.promptsHint }),
      make("dl", { class: "says-prompts" }, ...rows),
    );
  }
}
