// Choices on their way: one after another, kept in localStorage until the studio has them. Sending one twice does no
// harm, because its uuid names it.

/** @import { Place } from "../ui/widget.js" */

import { fill } from "../ui/elements.js";

const RETRY_MS = [300, 600, 1200, 2500, 5000];
const UNSAVED_AFTER_MS = 1000;

/**
 * What the studio says of a choice; with `retry` it is kept and sent again.
 * @typedef {{ok: boolean, error?: string, retry?: boolean}} Answer
 * @typedef {{uuid: string}} Choice
 */

/**
 * @template {Choice} Op
 * @template {Answer} Told
 * @typedef {object} Around
 * @property {(op: Op) => Promise<Told | undefined>} deliver
 * @property {() => void} state   called on every change
 * @property {(sentence: string) => void} said
 * @property {(op: Op, told: Told) => void} saved
 * @property {() => void} idle   nothing is left to send
 */

/**
 * @template {Choice} Op
 * @template {Answer} Told
 */
export class Outbox {
  sent = 0;
  storageWorks = true;
  flushing = false;

  /**
   * @param {Place} place
   * @param {string} name
   * @param {Around<Op, Told>} around
   */
  constructor(place, name, around) {
    this.around = around;
    this.prefix = `sdpo.pending.${name}.`;
    this.pending = this.restore();
    place.onWindow("beforeunload", (event) => {
      if (this.pending.length && !this.storageWorks) event.preventDefault();
    });
  }

  /**
   * Choices that an earlier visit of this page could not deliver.
   * @returns {{op: Op, at: number, key: string}[]}
   */
  restore() {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
      return keys.sort().map((key) => {
        const { at, key: _, ...op } = JSON.parse(localStorage.getItem(key) ?? "{}");
        return { op, at, key };
      });
    } catch {
      return [];
    }
  }

  /** @param {Op} op */
  send(op) {
    const at = Date.now();
    const number = String(this.sent++).padStart(6, "0");
    const key = `${this.prefix}${String(at).padStart(15, "0")}.${number}.${op.uuid}`;
    this.pending.push({ op, at, key });
    try {
      localStorage.setItem(key, JSON.stringify({ ...op, at }));
    } catch {
      this.storageWorks = false; // private window or full storage: the page warns before it is left
    }
    return this.flush();
  }

  async flush() {
    if (this.flushing) return;
    this.flushing = true;
    const { around } = this;
    let failures = 0;
    while (this.pending.length > 0) {
      const { op, key } = this.pending[0];
      const told = await around.deliver(op);
      if (!told || (!told.ok && told.retry)) {
        if (told?.error) around.said(told.error);
        around.state();
        const wait_ms = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)];
        await new Promise((resume) => setTimeout(resume, wait_ms));
        continue;
      }
      failures = 0;
      this.pending.shift();
      try {
        localStorage.removeItem(key);
      } catch {
        this.storageWorks = false;
      }
      if (told.error) around.said(told.error);
      around.saved(op, told);
      around.state();
    }
    this.flushing = false;
    around.idle();
  }

  /** How many choices wait, once the first has waited for a noticeable time. */
  late() {
    const { pending } = this;
    return pending.length > 0 && Date.now() - pending[0].at > UNSAVED_AFTER_MS ? pending.length : 0;
  }

  /**
   * Show on a badge how many choices are not saved yet.
   * @param {HTMLElement} badge
   * @param {{unsaved: string}} text
   */
  showUnsaved(badge, text) {
    const waiting = this.late();
    badge.hidden = waiting === 0;
    badge.textContent = waiting ? fill(text.unsaved, { n: waiting }) : "";
  }
}
