// The bar above all pages: name, how far the person is, what runs now, the next step, warnings. It asks the studio
// once a second and tells the other widgets by the window event "sdpo:status"; nothing else on the page polls.

/** @import { Host } from "../ui/widget.js" */
/** @import { Job, Snapshot, StatusBarServer } from "./messages.js" */
/** @import { StatusBarText } from "./strings.js" */

import { button, make } from "../ui/elements.js";
import { isOpen, openAddressed, openTab, tellStatus } from "../ui/page.js";
import { Widget } from "../ui/widget.js";
import { arrive } from "./arrive.js";
import { JobLine } from "./job_line.js";
import { Notices } from "./notify.js";
import { OtherTabs } from "./other_tabs.js";

/**
 * @typedef {Job["verb"]} Verb
 * @typedef {"done" | "stopped" | "failed"} Ended
 */

const POLL_MS = 1000;
const HIDDEN_POLL_MS = 5000;
const MOST_OTHER_TABS = 4;

/** @param {Host<StatusBarText, StatusBarServer>} host */
export function mount(host) {
  new StatusBar(host).start();
}

/** @extends {Widget<StatusBarText, StatusBarServer>} */
class StatusBar extends Widget {
  /** @type {Snapshot | null} */
  snapshot = null;
  /** @type {string | null} */
  phase = null; // of the job at the last look
  answered = false;
  notStopped = ""; // why the last wish to stop could not be passed on
  notNoticed = ""; // why there will be no notifications
  wake = () => {};

  /** @param {Host<StatusBarText, StatusBarServer>} host */
  constructor(host) {
    super(host);
    const { text } = this;
    this.notices = new Notices(text, () => {
      this.notNoticed = text.noticesRefused;
      if (this.snapshot) this.drawWarnings(this.snapshot.warnings);
    });
    this.tabs = new OtherTabs(this);
    this.jobLine = new JobLine(this.root, text, (run) => this.stop(run));
    this.facts = make("dl", { class: "top-facts", "aria-label": text.factsLabel });
    this.nextText = make("span");
    this.nextButton = button("", () => this.snapshot?.next && openTab(this.snapshot.next.tab), {
      class: "sdpo-button",
    });
    this.next = make(
      "section",
      { class: "top-next", "aria-label": text.nextLabel, hidden: true },
      this.nextText,
      this.nextButton,
    );
    this.warnings = make("ul", { class: "top-warnings", role: "alert", hidden: true });
    this.root.replaceChildren(this.line(), this.jobLine.node, this.next, this.warnings);
  }

  start() {
    const lookedAt = () => this.notices.drawEnd();
    this.onDocument("visibilitychange", () => {
      if (document.hidden) return;
      this.wake();
      lookedAt();
    });
    this.onWindow("focus", lookedAt);
    this.onWindow("popstate", openAddressed);
    this.onDocument("click", (event) => {
      const tab = event.target instanceof Element ? event.target.closest("[role=tab]") : null;
      if (!(tab instanceof HTMLElement)) return;
      if (event.detail > 0) tab.blur(); // clicked with a pointer: from here on keys are for the page, not for the tabs
      setTimeout(() => this.draw());
    });
    this.watch("value", () => this.wake()); // Python sets a new value after it started something
    this.poll();
    arrive(
      () => this.answered,
      () => this.draw(), // the next step depends on the page that is open
    );
  }

  line() {
    const { text } = this;
    const mark = make("span", { class: "top-mark", "aria-hidden": "true" }, make("i"), make("i"));
    const theme = button("◐", switchTheme, { class: "top-theme", "aria-label": text.theme, title: text.theme });
    const name = [make("h1", { text: text.name }), make("p", { class: "top-tagline", text: text.tagline })];
    return make("div", { class: "top-line" }, mark, ...name, this.facts, this.notices.bell, theme);
  }

  draw() {
    if (!this.snapshot) return;
    const { facts, job, next, warnings } = this.snapshot;
    this.facts.replaceChildren(
      ...facts.map(([label, value]) =>
        make("div", {}, make("dt", { text: label }), make("dd", { text: value, title: value })),
      ),
    );
    if (!job?.running) this.notStopped = "";
    this.jobLine.draw(job);
    this.next.hidden = !next || isOpen(next.tab) || isOpen("home"); // Home says it larger
    if (next) {
      this.nextText.textContent = next.text;
      this.nextButton.textContent = next.button;
    }
    this.drawWarnings(warnings);
  }

  /** @param {string[]} told */
  drawWarnings(told) {
    const many = this.tabs.count >= MOST_OTHER_TABS ? this.text.manyTabs : "";
    const sentences = [...told, this.notStopped, this.notNoticed, many].filter(Boolean);
    const shown = [...this.warnings.children].map((item) => item.textContent);
    if (shown.join("\n") === sentences.join("\n")) return; // an alert that is written again is read out again
    this.warnings.hidden = sentences.length === 0;
    this.warnings.replaceChildren(...sentences.map((sentence) => make("li", { text: sentence })));
  }

  /**
   * Pass on the wish to stop; whether it arrived.
   * @param {string} run
   */
  async stop(run) {
    this.notStopped = "";
    const reply = await this.ask("stop_job", { run });
    if (reply?.ok) return true;
    this.notStopped = reply?.error ?? "";
    if (this.snapshot) this.drawWarnings(this.snapshot.warnings);
    return false;
  }

  async poll() {
    while (!this.life.aborted) {
      const reply = await this.ask("snapshot");
      this.answered = true;
      if (reply?.ok) this.take(reply);
      else this.drawWarnings([reply?.error ?? this.text.lost]);
      await this.pause(document.hidden ? HIDDEN_POLL_MS : POLL_MS);
    }
  }

  /** @param {Snapshot} snapshot */
  take(snapshot) {
    const { job, project } = snapshot;
    if (this.snapshot && this.snapshot.project !== project) window.location.reload(); // every widget shows the other one
    this.snapshot = snapshot;
    this.draw();
    this.notices.announce(job);
    tellStatus(snapshot);
    const waiting = job?.waiting;
    const now = `${job?.id} ${waiting ? "running" : job?.state} ${waiting || job?.running}`;
    if (this.phase !== null && this.phase !== now) this.trigger("job_changed");
    this.phase = now;
  }

  /** @param {number} ms */
  pause(ms) {
    return /** @type {Promise<void>} */ (
      new Promise((resume) => {
        const timer = setTimeout(resume, ms);
        this.wake = () => {
          clearTimeout(timer);
          resume();
        };
      })
    );
  }
}

function switchTheme() {
  const dark = document.body.classList.toggle("dark");
  try {
    localStorage.setItem("sdpo.theme", dark ? "dark" : "light"); // read by theme.py
  } catch {
    // it lasts until the next reload
  }
}
