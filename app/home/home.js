// Home: the loop with its numbers, the next step, the machine, the projects. It listens to the bar's status and asks
// for the rest when it can be seen, every few seconds.

/** @import { Host, Reply } from "../ui/widget.js" */
/** @import { Snapshot } from "../status/messages.js" */
/** @import { Verb } from "../status/status_bar.js" */
/** @import { HomeServer, MachinePart, ProjectDone, Stage } from "./messages.js" */
/** @import { HomeText } from "./strings.js" */

import { button, fill, heading, make, makeSaid } from "../ui/elements.js";
import { at, latestStatus, openTab } from "../ui/page.js";
import { Widget } from "../ui/widget.js";
import { Projects } from "./projects.js";

/** @typedef {Stage["key"]} StageKey */

const AGAIN_MS = 4000;

/** @type {Record<Verb, string>} */
const TAB_OF_JOB = {
  generate: "generate",
  download: "generate",
  import: "generate",
  measure: "train",
  train: "train",
  judge: "judge",
  grid: "judge",
};
/** @type {Record<string, StageKey>} */
const STAGE_OF_TAB = {
  generate: "candidates",
  vote: "votes",
  train: "runs",
  judge: "adapters",
  adapters: "adapters",
};

/** @param {Host<HomeText, HomeServer>} host */
export function mount(host) {
  new Home(host).start();
}

/** @extends {Widget<HomeText, HomeServer>} */
class Home extends Widget {
  asked = 0;
  shownStages = "";
  shownMachine = "";

  /** @param {Host<HomeText, HomeServer>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    this.stages = make("ol", { class: "home-stages", "aria-label": text.loop });
    this.nextText = make("p", { class: "home-next-text" });
    this.nextButton = button("", (pressed) => openTab(pressed.dataset.tab ?? ""), {
      class: "sdpo-button home-next-button",
    });
    this.next = make("section", { class: "home-next", "aria-label": text.next }, this.nextText, this.nextButton);
    this.machine = make("ul", { class: "home-strip", "aria-label": text.machine });
    this.said = makeSaid();
    this.projects = new Projects({
      text,
      act: (wish) => this.ask("act", wish),
      say: (sentence) => this.said.say(sentence),
      heard: (reply) => this.heard(reply),
      refresh: () => this.refresh(),
    });
    const head = make("div", { class: "home-head" }, heading(text.projects, text.projectsHint), this.projects.buttons);
    const section = make("section", { class: "home-section", "aria-label": text.projects }, head);
    section.append(this.projects.newForm, this.said.node, this.projects.list, this.projects.archived);
    this.root.replaceChildren(this.stages, this.next, this.machine, section);
  }

  start() {
    this.onWindow("sdpo:status", ({ detail }) => {
      this.drawNext(detail);
      if (this.visible() && Date.now() - this.asked > AGAIN_MS) this.refresh();
    });
    this.refresh();
  }

  /** @param {Stage} item */
  stage(item) {
    const content = [
      make("span", { class: "home-stage-title", text: item.title }),
      make("strong", { class: "home-stage-value", text: item.value, title: item.value }),
      make("span", { class: "home-stage-hint", text: item.hint }),
    ];
    const about = { "data-stage": item.key, "data-done": String(item.done), onclick: () => openTab(item.tab) };
    return make("li", {}, make("button", { type: "button", class: "home-stage", ...about }, ...content));
  }

  /** @param {MachinePart} item */
  part({ label, hint, share, tab }) {
    const taken = make("span");
    taken.style.width = `${Math.round(100 * (share ?? 0))}%`;
    const bar = share === null ? null : make("span", { class: "home-meter", "aria-hidden": "true" }, taken);
    const more = tab ? button(this.text.keepHouse, () => openTab(tab), { class: "sdpo-button quiet home-more" }) : null;
    const words = [make("strong", { text: label }), make("span", { text: hint })];
    return make("li", {}, make("div", { class: "home-meter-text" }, ...words), bar, more);
  }

  /** @param {Snapshot} status */
  drawNext(status) {
    const { text } = this;
    const job = status.job?.running ? status.job : null;
    const working = job ? fill(text.working, { name: text[`job.${job.verb}`] }) : text.allDone;
    const tab = status.next?.tab ?? (job ? TAB_OF_JOB[job.verb] : "");
    this.next.dataset.kind = status.next ? "step" : job ? "job" : "none";
    this.nextText.textContent = status.next?.text ?? working;
    this.nextButton.hidden = !tab;
    this.nextButton.dataset.tab = tab;
    this.nextButton.textContent = status.next?.button ?? text.look;
    const next = status.next ? STAGE_OF_TAB[status.next.tab] : undefined;
    for (const one of this.stages.querySelectorAll("button")) one.classList.toggle("next", one.dataset.stage === next);
  }

  async refresh() {
    this.asked = Date.now();
    const reply = await this.ask("home");
    if (!reply?.ok) return; // the bar says what is wrong; with a later status it is asked again
    const stages = JSON.stringify(reply.stages);
    if (stages !== this.shownStages) this.stages.replaceChildren(...reply.stages.map((item) => this.stage(item)));
    this.shownStages = stages;
    const machine = JSON.stringify(reply.machine);
    if (machine !== this.shownMachine) this.machine.replaceChildren(...reply.machine.map((item) => this.part(item)));
    this.shownMachine = machine;
    this.root.dataset.projects = String(this.projects.draw(reply.projects));
    const status = latestStatus();
    if (status) this.drawNext(status);
    this.root.dataset.ready = "yes";
  }

  /**
   * Show the result of an action, and the current state.
   * @param {Reply<ProjectDone> | undefined} reply
   */
  async heard(reply) {
    const { text } = this;
    const sentence = reply ? (reply.error ?? reply.sentence ?? "") : text.lost;
    const link = reply?.download ? make("a", { href: at(reply.download), download: true, text: text.download }) : null;
    this.said.say(sentence, reply?.ok ? "good" : "bad", ...(link ? [" ", link] : []));
    await this.refresh();
  }
}
