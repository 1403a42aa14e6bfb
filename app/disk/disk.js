// Keeping house: what everything takes, what can go (shown before it does), the trash, copies of the votes.

/** @import { Host } from "../ui/widget.js" */
/** @import { Child } from "../ui/elements.js" */
/** @import { BackupCopy, DiskServer, Part, TrashEntry } from "./messages.js" */
/** @import { DiskText } from "./strings.js" */

import { button, fill, heading, make, makeSaid } from "../ui/elements.js";
import { imageAddress } from "../ui/images.js";
import { Widget } from "../ui/widget.js";

/** @typedef {"clear" | "put_back" | "restore"} Action */

const AGAIN_MS = 60000; // every image is counted

/** @param {Host<DiskText, DiskServer>} host */
export function mount(host) {
  new Disk(host).start();
}

/** @extends {Widget<DiskText, DiskServer>} */
class Disk extends Widget {
  asked = 0;
  shown = "";
  seen = true;

  /** @param {Host<DiskText, DiskServer>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    this.total = make("p", { class: "disk-total", text: text.loading });
    this.bar = make("div", { class: "disk-bar", "aria-hidden": "true" });
    this.parts = make("ul", { class: "disk-parts" });
    this.said = makeSaid();
    this.trash = make("ul", { class: "home-projects", id: "disk-trash" });
    this.backups = make("ul", { class: "home-projects", id: "disk-backups" });
    this.title = make("h2", { id: "disk-dialog-title" });
    this.sentence = make("p", { class: "disk-sentence" });
    this.sample = make("div", { class: "disk-sample" });
    this.act = make("button", { type: "button", class: "sdpo-button", id: "disk-act" });
    this.cancel = button(text.cancel, () => this.dialog.close());
    this.dialog = make(
      "dialog",
      { class: "disk-dialog", "aria-labelledby": this.title.id },
      this.title,
      this.sentence,
      this.sample,
      make("div", { class: "home-buttons" }, this.act, this.cancel),
    );
    this.root.replaceChildren(
      section("disk-title", text.title, null, this.said.node, this.total, this.bar, this.parts),
      section("trash-title", text.trash, null, this.trash),
      section("backups-title", text.backups, text.backupsHint, this.backups),
      this.dialog,
    );
  }

  start() {
    this.onWindow("sdpo:status", () => {
      const opened = this.visible() && !this.seen;
      this.seen = this.visible();
      if (opened || (this.seen && Date.now() - this.asked > AGAIN_MS)) this.refresh();
    });
    this.refresh();
  }

  /** @param {Part} item */
  part(item) {
    const buttons = item.clearings.map(({ kind, label }) =>
      button(label, () => this.askFirst("preview", kind, "clear"), { "data-kind": kind }),
    );
    const words = make(
      "div",
      { class: "home-project-text" },
      make("i", { class: `disk-dot part-${item.key}`, "aria-hidden": "true" }),
      make("strong", { text: item.name }),
      make("span", { class: "disk-size", text: item.size }),
      make("span", { class: "home-facts", text: item.hint }),
    );
    const actions = buttons.length ? make("div", { class: "home-buttons" }, ...buttons) : null;
    return make("li", { class: "home-project", "data-part": item.key }, words, actions);
  }

  /** @param {TrashEntry} item */
  thrown(item) {
    const { putBack } = this.text;
    const press = button(putBack, (pressed) => this.run("put_back", item.id, pressed), {
      "aria-label": `${putBack}: ${item.name}, ${item.made}`,
    });
    return row(item.id, item.name, `${item.made} · ${item.facts}`, press);
  }

  /** @param {BackupCopy} item */
  copy(item) {
    const { restore } = this.text;
    const press = button(restore, () => this.askFirst("preview_restore", item.name, "restore"), {
      disabled: !item.usable,
      "aria-label": `${restore} ${item.title}, ${item.made}`,
    });
    return row(item.name, item.title, `${item.made} · ${item.facts}`, press);
  }

  async refresh() {
    this.asked = Date.now();
    const reply = await this.ask("house");
    if (!reply?.ok) {
      if (reply) this.said.say(reply.error, "bad");
      return;
    }
    const { text } = this;
    const { parts, trash, backups } = reply;
    const now = JSON.stringify([parts, trash, backups]);
    this.total.textContent = reply.total;
    this.root.dataset.ready = "yes";
    if (now === this.shown) return; // nobody loses the button under a finger
    this.shown = now;
    this.bar.replaceChildren(...parts.map(segment));
    this.parts.replaceChildren(...parts.map((item) => this.part(item)));
    const inTrash = trash.map((item) => this.thrown(item));
    this.trash.replaceChildren(...(inTrash.length ? inTrash : [none(text.trashEmpty)]));
    const copies = backups.map((item) => this.copy(item));
    this.backups.replaceChildren(...(copies.length ? copies : [none(text.noBackups)]));
  }

  /**
   * Show what would happen; only then may it.
   * @param {"preview" | "preview_restore"} question
   * @param {string} name
   * @param {Action} action
   */
  async askFirst(question, name, action) {
    const { text, act } = this;
    const reply = await this.ask(question, { name });
    if (!reply?.ok) return this.said.say(reply?.error ?? text.lost, "bad");
    this.title.textContent = reply.title;
    this.sentence.textContent = reply.sentence;
    const images = (reply.images ?? []).map((sha256) =>
      make("img", { src: imageAddress(sha256), alt: "", loading: "lazy" }),
    );
    this.sample.hidden = images.length === 0;
    this.sample.replaceChildren(...images);
    if (reply.more) this.sample.append(make("span", { text: fill(text.more, { count: reply.more }) }));
    act.hidden = reply.button === "";
    act.disabled = false;
    act.textContent = reply.button ?? text.restoreDo;
    act.classList.toggle("danger", Boolean(reply.final));
    act.onclick = async () => {
      act.disabled = true;
      act.textContent = text.working;
      await this.run(action, name);
      this.dialog.close();
    };
    this.dialog.showModal();
    this.cancel.focus();
  }

  /**
   * @param {Action} action
   * @param {string} name
   * @param {HTMLButtonElement} [pressed]
   */
  async run(action, name, pressed) {
    if (pressed) pressed.disabled = true;
    const reply = await this.ask(action, { name });
    this.said.say(reply?.error ?? reply?.sentence ?? this.text.lost, reply?.ok ? "good" : "bad");
    if (pressed) pressed.disabled = false;
    await this.refresh();
  }
}

/**
 * @param {string} id
 * @param {string} title
 * @param {string | null} hint
 * @param {...Child} content
 */
function section(id, title, hint, ...content) {
  const head = make("div", { class: "home-head" }, heading(title, hint, { id }));
  return make("section", { class: "home-section", "aria-labelledby": id }, head, ...content);
}

/** @param {Part} item */
function segment(item) {
  const node = make("span", { class: `part-${item.key}` });
  node.style.flexGrow = String(item.share);
  return node;
}

/**
 * @param {string} id
 * @param {string} title
 * @param {string} facts
 * @param {HTMLButtonElement} press
 */
function row(id, title, facts, press) {
  const words = [make("strong", { text: title }), make("span", { class: "home-facts", text: facts })];
  return make(
    "li",
    { class: "home-project", "data-id": id },
    make("div", { class: "home-project-text" }, ...words),
    make("div", { class: "home-buttons" }, press),
  );
}

/** @param {string} sentence */
function none(sentence) {
  return make("li", { class: "home-facts", text: sentence });
}
