// What runs now, how far it is, and what became of the last job.

/** @import { Job } from "./messages.js" */
/** @import { StatusBarText } from "./strings.js" */

import { button, make } from "../ui/elements.js";
import { endOf } from "./notify.js";

const SHOW_DONE_MS = 8000;
const DISMISSED = "sdpo.dismissed";

export class JobLine {
  stopping = ""; // id of the job that was told to stop
  /** @type {Job | null} */
  job = null;
  /** @type {Map<string, number>} */
  seen = new Map(); // runs that were watched while they ran -> when they were last seen running

  /**
   * @param {HTMLElement} root   of the bar, which names the job in its data
   * @param {StatusBarText} text
   * @param {(run: string) => Promise<boolean>} stop   whether the wish arrived
   */
  constructor(root, text, stop) {
    this.root = root;
    this.text = text;
    this.stop = stop;
    this.name = make("strong");
    this.message = make("span", { class: "job-message" });
    this.time = make("span", { class: "job-time" });
    this.filled = make("span");
    this.bar = make(
      "div",
      {
        class: "job-bar",
        role: "progressbar",
        "aria-label": text.progressLabel,
        "aria-valuemin": 0,
        "aria-valuemax": 100,
      },
      this.filled,
    );
    this.stopButton = button("", () => this.stopNow(), { class: "sdpo-button quiet job-stop" });
    this.dismissButton = button(text.dismiss, () => this.dismiss());
    const dot = make("span", { class: "job-dot", "aria-hidden": "true" });
    const line = make("div", { class: "job-line" }, dot, this.name, this.message, this.time);
    line.append(this.stopButton, this.dismissButton);
    this.node = make("section", { class: "top-job", hidden: true }, line, this.bar);
  }

  /** @param {Job | null} job */
  draw(job) {
    this.job = job;
    const { node, root } = this;
    if (job?.running) this.seen.set(job.id, Date.now());
    root.dataset.run = job?.id ?? "";
    root.dataset.verb = job?.verb ?? "";
    root.dataset.state = job?.state ?? "none";
    root.dataset.step = String(job?.step ?? 0);
    // Drawing ahead of the votes comes and goes: the bar stays, or the page would jump.
    const on = Boolean(job?.running || job?.waiting);
    node.hidden = !job || !(on || this.worthShowing(job));
    if (job && !node.hidden) this.drawJob(job, on);
  }

  /**
   * @param {Job} job
   * @param {boolean} on
   */
  drawJob(job, on) {
    const { text } = this;
    const { verb, state, total } = job;
    const share = total ? Math.min(100, Math.round((100 * job.step) / total)) : 0;
    const ended = endOf(job);
    this.node.dataset.state = state;
    this.name.textContent = on || !ended ? text[`job.${verb}`] : text[`${ended}.${verb}`];
    this.message.textContent = job.message;
    this.message.title = job.message;
    const left = job.eta ? `${share} % · ${job.eta} ${text.left}` : total ? `${share} %` : "";
    this.time.textContent = job.running ? left : "";
    this.bar.hidden = !on;
    this.bar.classList.toggle("unknown", !total);
    this.bar.setAttribute("aria-valuenow", String(share));
    this.filled.style.width = total ? `${share}%` : "";
    const asked = this.stopping === job.id || state === "stopping";
    this.stopButton.hidden = !on;
    this.stopButton.disabled = asked;
    this.stopButton.textContent = asked ? text.stopping : verb === "train" ? text.stopAndKeep : text.stop;
    this.dismissButton.hidden = on;
  }

  /**
   * A finished job is announced if it was being watched, a failed one always, until dismissed.
   * @param {Job} job
   */
  worthShowing({ id, verb, state }) {
    if (dismissed() === id) return false;
    if (state === "failed") return true;
    const lastRunning = this.seen.get(id);
    if (lastRunning === undefined) return false;
    return verb === "train" || state === "stopped" || Date.now() - lastRunning < SHOW_DONE_MS;
  }

  async stopNow() {
    if (!this.job) return;
    this.stopping = this.job.id;
    this.draw(this.job);
    if (!(await this.stop(this.stopping))) this.stopping = "";
  }

  dismiss() {
    if (!this.job) return;
    try {
      localStorage.setItem(DISMISSED, this.job.id);
    } catch {
      // it comes back with the next reload
    }
    this.draw(this.job);
  }
}

function dismissed() {
  try {
    return localStorage.getItem(DISMISSED);
  } catch {
    return null;
  }
}
