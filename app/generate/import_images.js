// Importing images: dropped, chosen, or a folder of this machine. Files are sent one by one, then a job takes them in.

/** @import { Host, Reply } from "../ui/widget.js" */
/** @import { Found } from "../ui/files.js" */
/** @import { ImportImagesServer, ImportTrouble, Started } from "./messages.js" */
/** @import { ImportImagesText } from "./strings.js" */

import { button, fill, heading, make, makeSaid, takeDrops } from "../ui/elements.js";
import { chosenFiles, droppedFiles } from "../ui/files.js";
import { at } from "../ui/page.js";
import { Widget } from "../ui/widget.js";

/** @typedef {{suffixes: string[], image_suffixes: string[], most_files: number, most_bytes: number}} Given */

const AT_ONCE = 3;
const OF_THE_SYSTEM = /(^|\/)(thumbs\.db|desktop\.ini)$/i;

/** @param {Host<ImportImagesText, ImportImagesServer, Given>} host */
export function mount(host) {
  new ImportImages(host).start();
}

/** @extends {Widget<ImportImagesText, ImportImagesServer, Given>} */
class ImportImages extends Widget {
  /** @type {AbortController | null} */
  sending = null; // while files are sent
  shownRun = "";
  shownState = "";

  /** @param {Host<ImportImagesText, ImportImagesServer, Given>} host */
  constructor(host) {
    super(host);
    const { text, given } = this;
    this.said = makeSaid();
    const hidden = { type: "file", multiple: true, class: "visually-hidden", tabindex: -1 };
    const accept = given.suffixes.join(",");
    const files = make("input", { ...hidden, accept, "aria-label": text.files });
    const folder = make("input", { ...hidden, webkitdirectory: true, "aria-label": text.folder });
    for (const input of [files, folder]) input.addEventListener("change", () => this.send(chosenFiles(input)));
    this.cancel = button(text.cancel, () => this.sending?.abort(), { hidden: true });
    const buttons = make(
      "div",
      { class: "home-buttons" },
      button(text.files, () => files.click()),
      button(text.folder, () => folder.click()),
      this.cancel,
    );
    const zone = make("div", { class: "import-zone" }, make("strong", { text: text.drop }), buttons, files, folder);
    takeDrops(zone, async (dropped) => this.send(await droppedFiles(dropped, given.most_files)));
    this.leftName = make("summary");
    this.leftList = make("ul", { class: "finder-unusable" });
    this.left = make("details", { class: "home-archived", hidden: true }, this.leftName, this.leftList);
    this.question = make("p", { class: "import-question" });
    this.prompt = make("input", {
      type: "text",
      maxlength: 20000,
      "aria-label": text.prompt,
      placeholder: text.prompt,
    });
    const give = make("button", { type: "submit", class: "sdpo-button", text: text.give });
    this.asking = make(
      "form",
      { class: "import-ask", hidden: true, onsubmit: (event) => this.givePrompt(event) },
      this.question,
      make("div", { class: "home-form" }, this.prompt, give),
    );
    this.root.replaceChildren(
      make("div", { class: "home-head" }, heading(text.title, text.hint)),
      this.said.node,
      this.asking,
      this.left,
      zone,
      this.folderForm(),
    );
  }

  start() {
    this.onWindow("sdpo:status", ({ detail }) => {
      if (!this.visible()) return;
      if (detail.job?.verb === "import" || this.shownState === "") this.refresh();
    });
    this.refresh();
  }

  folderForm() {
    const { text } = this;
    const path = make("input", { type: "text", maxlength: 4000, "aria-label": text.path, placeholder: text.path });
    /** @param {SubmitEvent} event */
    const onsubmit = async (event) => {
      event.preventDefault();
      const reply = await this.ask("start_folder", { path: path.value });
      this.list([]);
      this.asking.hidden = true;
      this.outcome(reply);
      if (reply?.ok) path.value = "";
    };
    const take = make("button", { type: "submit", class: "sdpo-button quiet", text: text.take });
    return make("form", { class: "home-form", onsubmit }, path, take);
  }

  /**
   * Started, waiting for its turn, or refused.
   * @param {Reply<Started> | undefined} reply
   */
  outcome(reply) {
    this.said.say(reply?.sentence ?? reply?.error ?? this.text.lost, reply?.ok ? "plain" : "bad");
  }

  /** @param {ImportTrouble[]} rows */
  list(rows) {
    this.left.hidden = rows.length === 0;
    this.leftName.textContent = fill(this.text.leftOut, { count: rows.length });
    const items = rows.map((row) =>
      make("li", {}, make("strong", { text: row.name }), make("span", { text: row.reason })),
    );
    this.leftList.replaceChildren(...items);
  }

  /**
   * Why a file can't be sent; empty when it can.
   * @param {Found} found
   */
  reason({ name, file }) {
    const { text, given } = this;
    if (!given.suffixes.includes(suffix(name))) return text.wrongKind;
    if (file.size > given.most_bytes) return fill(text.tooLarge, { most: given.most_bytes >> 20 });
    return "";
  }

  /** @param {Found[]} found */
  async send(found) {
    if (this.sending) return;
    const { text, given, said } = this;
    const refused = found
      .map((one) => ({ name: one.name, reason: this.reason(one) }))
      .filter(({ name, reason }) => reason && !OF_THE_SYSTEM.test(name));
    const good = found.filter((one) => !this.reason(one));
    this.list(refused);
    this.asking.hidden = true;
    if (!good.some(({ name }) => given.image_suffixes.includes(suffix(name)))) return said.say(text.nothing, "bad");
    if (good.length > given.most_files) return said.say(fill(text.tooMany, { most: given.most_files }), "bad");
    const begun = await this.ask("begin");
    if (!begun?.ok) return said.say(begun?.error ?? text.lost, "bad");
    this.sending = new AbortController();
    this.cancel.hidden = false;
    try {
      refused.push(...(await this.sendAll(good, begun.id, this.sending.signal)));
      this.list(refused);
      this.outcome(await this.ask("start", { id: begun.id }));
    } catch (error) {
      const stopped = error instanceof DOMException && error.name === "AbortError";
      const why = error instanceof Error && error.message ? error.message : text.lost;
      said.say(stopped ? text.cancelled : why, stopped ? "plain" : "bad");
    } finally {
      this.sending = null;
      this.cancel.hidden = true;
    }
  }

  /**
   * Several at a time; a refused one is reported, a lost connection ends them all.
   * @param {Found[]} good
   * @param {string} id
   * @param {AbortSignal} signal
   */
  async sendAll(good, id, signal) {
    /** @type {ImportTrouble[]} */
    const refused = [];
    const waiting = [...good];
    let done = 0;
    const work = async () => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        const address = at(`/sdpo/import/${id}?name=${encodeURIComponent(one.name)}`);
        const answer = await fetch(address, { method: "POST", body: one.file, signal });
        /** @type {Reply<{}>} */
        const reply = await answer.json();
        if (!reply.ok) refused.push({ name: one.name, reason: reply.error });
        done += 1;
        this.said.say(fill(this.text.sending, { done, total: good.length }));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return refused;
  }

  /** @param {SubmitEvent} event */
  async givePrompt(event) {
    event.preventDefault();
    const reply = await this.ask("with_prompt", { run: this.shownRun, prompt: this.prompt.value });
    this.outcome(reply);
    if (!reply?.ok) return;
    this.asking.hidden = true;
    this.prompt.value = "";
  }

  async refresh() {
    const reply = await this.ask("state");
    if (!reply?.ok || !("state" in reply) || this.sending) return;
    const { run, state, sentence, question } = reply;
    const now = `${run} ${state}`;
    if (now === this.shownState) return;
    this.shownState = now;
    this.shownRun = run;
    this.root.dataset.state = state;
    this.said.say(sentence, state === "failed" ? "bad" : state === "done" ? "good" : "plain");
    if (!reply.running) this.list(reply.troubles);
    this.asking.hidden = !question;
    this.question.textContent = question;
  }
}

/** @param {string} name */
function suffix(name) {
  return name.slice(name.lastIndexOf(".")).toLowerCase();
}
