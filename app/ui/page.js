// What all widgets of a page share: its state is that of the page, one for each tab of the browser.

/** @import { Snapshot } from "../status/messages.js" */

// A proxy may serve the studio below a path of its own; that path precedes /sdpo in this module's address, too.
const BEFORE = new URL(import.meta.url).pathname.split("/sdpo/static/")[0];

/**
 * The address of something of ours, which Python and the scripts write starting with /sdpo.
 * @param {string} path
 */
export function at(path) {
  return `${BEFORE}${path}`;
}

/** A name that nothing else has. A page from another machine over plain http, as on a phone, has no crypto.randomUUID. */
export function newId() {
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return bytes.map((one) => one.toString(16).padStart(2, "0")).join("");
}

/**
 * Count a promise among what is under way; a page that is still being built is shown when nothing is (arrive.js).
 * @template T
 * @param {Promise<T>} promise
 */
export async function during(promise) {
  window.sdpoUnderWay = (window.sdpoUnderWay ?? 0) + 1;
  try {
    return await promise;
  } finally {
    window.sdpoUnderWay -= 1;
  }
}

// --- what this browser remembers -----------------------------------------------------------------------------------

/** @type {Map<string, string>} */
const forgotten = new Map(); // where nothing can be kept, it lasts as long as the page

/**
 * Keep a choice of this person in this browser, where the browser allows it.
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    forgotten.set(key, value);
  }
}

/** @param {string} key */
export function remembered(key) {
  try {
    return localStorage.getItem(key) ?? forgotten.get(key);
  } catch {
    return forgotten.get(key);
  }
}

/** The chosen way to vote. */
export function voteMode() {
  return remembered("sdpo.mode") ?? "pairs";
}

/**
 * Choose a way to vote and tell all widgets, with a sentence for the board if there is one.
 * @param {string} mode
 * @param {string} [said]
 */
export function chooseMode(mode, said) {
  remember("sdpo.mode", mode);
  window.dispatchEvent(new CustomEvent("sdpo:mode", { detail: said ? { said } : null }));
}

// --- the bar and the pages -----------------------------------------------------------------------------------------

/** @type {Snapshot | null} */
let latest = null;

/**
 * Tell all widgets what the studio told the bar.
 * @param {Snapshot} status
 */
export function tellStatus(status) {
  latest = status;
  window.dispatchEvent(new CustomEvent("sdpo:status", { detail: status }));
}

export function latestStatus() {
  return latest;
}

/**
 * Open a page of the studio.
 * @param {string} id
 */
export function openTab(id) {
  document.getElementById(`tab-${id}-button`)?.click();
}

/** Open the page that the address names, or the first. */
export function openAddressed() {
  const id = new URL(window.location.href).searchParams.get("tab");
  const button = document.getElementById(`tab-${id}-button`) ?? document.querySelector("[role=tab]");
  if (button instanceof HTMLElement) button.click();
}

/** @param {string} id */
export function isOpen(id) {
  return document.getElementById(`tab-${id}-button`)?.getAttribute("aria-selected") === "true";
}
