// What reaches a page that nobody looks at: its title, its icon and, if the person asked for it, a notification of the
// system. While a job runs the title says how far it is; its end stays in the title until somebody looks.

/** @import { Job } from "./messages.js" */
/** @import { Ended } from "./status_bar.js" */
/** @import { StatusBarText } from "./strings.js" */

import { make } from "../ui/elements.js";
import { at, remember, remembered } from "../ui/page.js";

const PLAIN_ICON = at("/sdpo/static/favicon.svg");
const NOTICES = "sdpo.notices";
const MARKS = { done: "✓", stopped: "■", failed: "✗" };

export class Notices {
  /** @type {{job: Job, ended: Ended} | null} */
  told = null; // the result shown in the title
  wasRunning = ""; // id of the job that ran at the last look

  /**
   * @param {StatusBarText} text
   * @param {() => void} refused   there will be no notifications, although the person asked for them
   */
  constructor(text, refused) {
    this.text = text;
    this.refused = refused;
    this.bell = make("button", {
      type: "button",
      class: "top-theme top-bell",
      hidden: !("Notification" in window),
      onclick: () => this.press(),
    });
    this.drawBell();
  }

  drawBell() {
    const { text, bell } = this;
    const on = wantsNotices();
    bell.setAttribute("aria-pressed", String(on));
    bell.title = on ? text.noticesOn : text.noticesOff;
    bell.setAttribute("aria-label", text.notices);
  }

  async press() {
    if (wantsNotices()) remember(NOTICES, "off");
    else if ((await Notification.requestPermission()) === "granted") remember(NOTICES, "on");
    else this.refused();
    this.drawBell();
  }

  /**
   * Put the job into title and icon; its end is announced once, to those not looking.
   * @param {Job | null} job
   */
  announce(job) {
    const { text } = this;
    if (job?.running) {
      this.wasRunning = job.id;
      this.told = null;
      const share = job.total ? `${Math.min(100, Math.round((100 * job.step) / job.total))} % ` : "";
      const name = text[`job.${job.verb}`];
      document.title = `${share}${name} · ${text.name}`;
      setIcon(at("/sdpo/static/icons/favicon-running.svg"));
      return;
    }
    const ended = job?.id === this.wasRunning ? endOf(job) : null;
    if (job && ended && !looking() && (job.verb !== "generate" || ended !== "done")) {
      this.told = { job, ended };
      this.notify(job, ended);
    }
    this.wasRunning = "";
    this.drawEnd();
  }

  /** Somebody looks at the page again, or not. */
  drawEnd() {
    if (this.wasRunning) return;
    const { text } = this;
    if (looking()) this.told = null;
    if (!this.told) {
      document.title = text.name;
      setIcon(PLAIN_ICON);
      return;
    }
    const { job, ended } = this.told;
    const name = text[`${ended}.${job.verb}`];
    document.title = `${MARKS[ended]} ${name} · ${text.name}`;
    setIcon(at(`/sdpo/static/icons/favicon-${ended === "failed" ? "failed" : "done"}.svg`));
  }

  /**
   * @param {Job} job
   * @param {Ended} ended
   */
  notify(job, ended) {
    if (!wantsNotices()) return;
    try {
      const words = { body: job.message, tag: job.id, icon: PLAIN_ICON };
      const notice = new Notification(this.text[`${ended}.${job.verb}`], words);
      notice.onclick = () => {
        window.focus();
        notice.close();
      };
    } catch {
      // some phones know the name and not the thing; the title says it
    }
  }
}

/**
 * How a job ended; null while it has not.
 * @param {Job} job
 * @returns {Ended | null}
 */
export function endOf({ state }) {
  return state === "done" || state === "stopped" || state === "failed" ? state : null;
}

function wantsNotices() {
  return "Notification" in window && Notification.permission === "granted" && remembered(NOTICES) === "on";
}

function looking() {
  return !document.hidden && document.hasFocus();
}

/** @param {string} href */
function setIcon(href) {
  /** @type {HTMLLinkElement | null} */
  let link = document.querySelector("link[rel~='icon'][data-sdpo]");
  if (!link) {
    for (const other of document.querySelectorAll("link[rel~='icon']")) other.remove();
    link = make("link", { rel: "icon", type: "image/svg+xml", "data-sdpo": "yes" });
    document.head.append(link);
  }
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
}
