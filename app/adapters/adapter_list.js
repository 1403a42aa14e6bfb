// One card per adapter, with what can be done with it; below, the folders of other tools.

/** @import { Host } from "../ui/widget.js" */
/** @import { ActionDone, AdapterListServer, AdapterMessage, Files, ShownAdapter } from "./messages.js" */
/** @import { AdapterListText } from "./strings.js" */

import { button, make, makeSaid } from "../ui/elements.js";
import { at } from "../ui/page.js";
import { Widget } from "../ui/widget.js";
import { body, cardForm } from "./adapter_card.js";
import { Folders } from "./lora_folders.js";

/** @typedef {keyof Files} FileKind */

/** @typedef {(wish: AdapterMessage, pressed: HTMLElement | null, problem?: HTMLElement) => Promise<ActionDone | null>} Act */

const AGAIN_MS = 5000;

/** @param {Host<AdapterListText, AdapterListServer>} host */
export function mount(host) {
  new AdapterList(host).start();
}

/** @extends {Widget<AdapterListText, AdapterListServer>} */
class AdapterList extends Widget {
  asked = 0;
  shown = "";
  editing = 0; // id of the adapter whose form is open
  seen = false;

  /** @param {Host<AdapterListText, AdapterListServer>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    this.list = make("div", { class: "cards-place" }, make("p", { class: "sdpo-empty", text: text.loading }));
    this.said = makeSaid();
    this.folders = new Folders(
      text,
      (wish, pressed, problem) => this.act(wish, pressed, problem),
      () => this.refresh(true),
    );
    this.root.replaceChildren(this.said.node, this.list, this.folders.node);
  }

  start() {
    this.onWindow("sdpo:status", () => {
      const opened = this.visible() && !this.seen;
      this.seen = this.visible();
      if (opened || (this.seen && Date.now() - this.asked > AGAIN_MS)) this.refresh();
    });
    this.refresh();
  }

  /** @param {ShownAdapter} card */
  item(card) {
    const { text } = this;
    const form = {
      /** @type {Act} */
      act: (wish, pressed, problem) => this.act(wish, pressed, problem),
      close: () => this.edit(0),
    };
    const content = this.editing === card.id ? [cardForm(card, text, form)] : body(card, text, this.buttons(card));
    const image = card.preview
      ? make("img", { class: "card-picture", src: at(card.preview), alt: "" })
      : make("div", { class: "card-picture none", text: text.noPreview });
    const title = make("h3", { text: card.name });
    const about = { "data-adapter": card.name, "data-id": card.id };
    return make("li", { class: "card", ...about }, image, make("div", { class: "card-body" }, title, ...content));
  }

  /** @param {ShownAdapter} card */
  buttons(card) {
    const { text } = this;
    const { name } = card;
    const usable = [
      button(text.judge, () => this.trigger("judge", { name })),
      button(text.roundTwo, () => this.trigger("round_two", { name }), { title: text.roundTwoHint }),
    ];
    const all = [
      ...(card.problem ? [] : usable),
      button(text.edit, () => this.edit(card.id)),
      button(text.delete, (pressed) => this.remove(card, pressed)),
    ];
    for (const one of all) one.setAttribute("aria-label", `${one.textContent}: ${name}`);
    return make("div", { class: "card-buttons" }, ...this.folders.places(card), ...all);
  }

  /** @param {number} id */
  edit(id) {
    this.editing = id;
    this.refresh(true);
  }

  /**
   * @param {ShownAdapter} card
   * @param {HTMLButtonElement} pressed
   */
  async remove(card, pressed) {
    const entry = (await this.act({ action: "delete", id: card.id }, pressed))?.entry;
    if (!entry) return;
    const undo = button(this.text.undo, (again) => this.act({ action: "put_back", entry }, again));
    this.said.node.append(" ", undo);
  }

  /**
   * Do something. The reason for a refusal goes to `problem`, if given, else above the cards.
   * @param {AdapterMessage} wish
   * @param {HTMLElement | null} pressed
   * @param {HTMLElement} [problem]
   */
  async act(wish, pressed, problem) {
    pressed?.toggleAttribute("disabled", true);
    const reply = await this.ask("act", wish);
    const refused = reply?.ok ? "" : (reply?.error ?? this.text.lost);
    if (problem) {
      problem.hidden = !refused;
      problem.textContent = refused;
    }
    if (problem && refused) this.said.say("");
    else this.said.say(reply?.sentence ?? refused, reply?.ok ? "good" : "bad");
    pressed?.toggleAttribute("disabled", false);
    if (!reply?.ok) return null;
    await this.refresh();
    return reply;
  }

  async refresh(anew = false) {
    this.asked = Date.now();
    const reply = await this.ask("shelf");
    if (!reply?.ok) {
      if (reply) this.said.say(reply.error, "bad");
      return;
    }
    const { text } = this;
    const { cards, tools } = reply;
    const now = JSON.stringify([reply, this.editing, this.folders.choosing]);
    if (now === this.shown) return; // nobody loses the button under a finger
    if (!anew && this.shown && this.root.querySelector("form")) return; // nor what is being written
    this.shown = now;
    this.root.dataset.count = String(cards.length);
    const items = cards.map((card) => this.item(card));
    this.list.replaceChildren(
      items.length ? make("ul", { class: "cards", "aria-label": text.label }, ...items) : nothing(text),
    );
    this.folders.draw(tools, cards.length === 0);
  }
}

/** @param {AdapterListText} text */
function nothing({ empty, emptyHint }) {
  const words = [
    make("p", { class: "board-empty-title", text: empty }),
    make("p", { class: "board-empty-hint", text: emptyHint }),
  ];
  return make("div", { class: "board-empty" }, ...words);
}
