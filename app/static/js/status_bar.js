// The bar above all pages: name, where the person stands, what runs now, the next step, warnings. It asks the studio
// once a second and tells the other widgets by the window event "sdpo:status"; nothing else on the page polls.

const POLL_MS = 1000;
const HIDDEN_POLL_MS = 5000;
const SHOW_DONE_MS = 8000;

const MOST_OTHER_TABS = 4;

window.sdpoJobNames = text.names;
let phase = null;
let snapshot = null;
let stopping = "";
let notStopped = ""; // why the last wish to stop could not be passed on
let notNoticed = ""; // why there will be no notifications
const seen = new Map(); // runs that were watched while they ran -> when they were last seen running

const facts = make("dl", { class: "top-facts", "aria-label": text.factsLabel });
const jobBox = make("section", { class: "top-job", hidden: true });
const jobName = make("strong");
const jobMessage = make("span", { class: "job-message" });
const jobTime = make("span", { class: "job-time" });
const jobBar = make("div", {
  class: "job-bar", role: "progressbar", "aria-label": text.progressLabel, "aria-valuemin": 0, "aria-valuemax": 100,
}, make("span"));
const stopButton = make("button", { type: "button", class: "sdpo-button quiet job-stop", onclick: stop });
const dismissButton = make("button", {
  type: "button", class: "sdpo-button quiet", text: text.dismiss, onclick: dismiss,
});
jobBox.append(
  make("div", { class: "job-line" }, make("span", { class: "job-dot", "aria-hidden": "true" }), jobName, jobMessage, jobTime,
    stopButton, dismissButton),
  jobBar,
);
const nextText = make("span");
const nextButton = make("button", {
  type: "button", class: "sdpo-button", onclick: () => snapshot?.next && openTab(snapshot.next.tab),
});
const nextBox = make("section", { class: "top-next", "aria-label": text.nextLabel, hidden: true }, nextText, nextButton);
const warnings = make("ul", { class: "top-warnings", role: "alert", hidden: true });
const theme = make("button", {
  type: "button", class: "top-theme", "aria-label": text.theme, title: text.theme, text: "◐", onclick: switchTheme,
});
root.replaceChildren(
  make("div", { class: "top-line" },
    make("span", { class: "top-mark", "aria-hidden": "true" }, make("i"), make("i")),
    make("h1", { text: text.name }), make("p", { class: "top-tagline", text: text.tagline }), facts, bell, theme),
  jobBox, nextBox, warnings,
);

function draw() {
  facts.replaceChildren(...snapshot.facts.map(([label, value]) =>
    make("div", {}, make("dt", { text: label }), make("dd", { text: value, title: value }))));
  drawJob(snapshot.job);
  nextBox.hidden = !snapshot.next || isOpen(snapshot.next.tab) || isOpen("home"); // Home says it larger
  if (snapshot.next) {
    nextText.textContent = snapshot.next.text;
    nextButton.textContent = snapshot.next.button;
  }
  drawWarnings(snapshot.warnings);
}

function drawJob(job) {
  if (job?.running) seen.set(job.id, Date.now());
  else notStopped = "";
  const on = job?.running || job?.waiting; // drawing ahead of the votes comes and goes: the bar stays, or the page would jump
  jobBox.hidden = !job || !(on || worthShowing(job));
  root.dataset.run = job?.id ?? "";
  root.dataset.verb = job?.verb ?? "";
  root.dataset.state = job?.state ?? "none";
  root.dataset.step = job?.step ?? 0;
  if (jobBox.hidden) return;
  const share = job.total ? Math.min(100, Math.round((100 * job.step) / job.total)) : 0;
  jobBox.dataset.state = job.state;
  jobName.textContent = on ? text.names[job.verb] : text[job.state][job.verb];
  jobMessage.textContent = job.message;
  jobMessage.title = job.message;
  jobTime.textContent = job.running && job.eta ? `${share} % · ${job.eta} ${text.left}` : job.running && job.total ? `${share} %` : "";
  jobBar.hidden = !on;
  jobBar.classList.toggle("unknown", !job.total);
  jobBar.setAttribute("aria-valuenow", share);
  jobBar.firstChild.style.width = job.total ? `${share}%` : "";
  const asked = stopping === job.id || job.state === "stopping";
  stopButton.hidden = !on;
  stopButton.disabled = asked;
  stopButton.textContent = asked ? text.stopping : job.verb === "train" ? text.stopAndKeep : text.stop;
  dismissButton.hidden = on;
}

function isOpen(tab) {
  return document.getElementById(`tab-${tab}-button`)?.getAttribute("aria-selected") === "true";
}

/** A finished job is told of when it was watched, a failed one always; until it is dismissed. */
function worthShowing(job) {
  if (dismissed() === job.id) return false;
  if (job.state === "failed") return true;
  const lastRunning = seen.get(job.id);
  if (lastRunning === undefined) return false;
  return job.verb === "train" || job.state === "stopped" || Date.now() - lastRunning < SHOW_DONE_MS;
}

function drawWarnings(told) {
  const sentences = [...told, notStopped, notNoticed, others.size >= MOST_OTHER_TABS ? text.manyTabs : ""].filter(Boolean);
  const shown = [...warnings.children].map((item) => item.textContent);
  if (shown.join("\n") === sentences.join("\n")) return; // an alert that is written again is read out again
  warnings.hidden = sentences.length === 0;
  warnings.replaceChildren(...sentences.map((sentence) => make("li", { text: sentence })));
}

async function stop() {
  stopping = snapshot.job.id;
  notStopped = "";
  drawJob(snapshot.job);
  const reply = await ask("stop_job", { run: stopping });
  if (reply?.ok) return;
  stopping = "";
  notStopped = reply?.error ?? "";
  if (snapshot) drawWarnings(snapshot.warnings);
}

function dismissed() {
  try { return localStorage.getItem("sdpo.dismissed"); } catch { return null; }
}

function dismiss() {
  try { localStorage.setItem("sdpo.dismissed", snapshot.job.id); } catch { /* it comes back with the next reload */ }
  drawJob(snapshot.job);
}

function switchTheme() {
  const dark = document.body.classList.toggle("dark");
  try { localStorage.setItem("sdpo.theme", dark ? "dark" : "light"); } catch { /* it lasts until the next reload */ }
}

async function poll() {
  const mine = (window.sdpoPoll = Symbol("poll")); // a second run of this script ends the first one's loop
  while (window.sdpoPoll === mine) {
    const reply = await ask("snapshot");
    root.dataset.answered = "yes";
    if (reply?.error) {
      drawWarnings([reply.error]);
    } else if (reply) {
      if (snapshot && snapshot.project !== reply.project) window.location.reload(); // every widget shows the other one
      snapshot = reply;
      draw();
      announce(reply.job);
      window.sdpoStatus = reply;
      window.dispatchEvent(new CustomEvent("sdpo:status", { detail: reply }));
      const waiting = reply.job?.waiting;
      const now = `${reply.job?.id} ${waiting ? "running" : reply.job?.state} ${waiting || reply.job?.running}`;
      if (phase !== null && phase !== now) trigger("job_changed");
      phase = now;
    } else {
      drawWarnings([text.lost]);
    }
    await pause(document.hidden ? HIDDEN_POLL_MS : POLL_MS);
  }
}

// Every tab holds a connection, and a browser opens six to one address: the fifth tab warns of the next.
const others = new Set();
const me = crypto.randomUUID();
window.sdpoTabs?.close();
const tabs = (window.sdpoTabs = new BroadcastChannel("sdpo.tabs"));
tabs.onmessage = ({ data }) => {
  if (data.gone) others.delete(data.tab);
  else others.add(data.tab);
  if (data.asks) tabs.postMessage({ tab: me });
};
tabs.postMessage({ tab: me, asks: true });
listen(window, "pagehide", () => tabs.postMessage({ tab: me, gone: true }));

let wake = null;

function pause(ms) {
  return new Promise((resume) => {
    const timer = setTimeout(resume, ms);
    wake = () => { clearTimeout(timer); resume(); };
  });
}

listen(document, "visibilitychange", () => { if (!document.hidden) { wake?.(); if (!wasRunning) drawEnd(); } });
listen(window, "focus", () => { if (!wasRunning) drawEnd(); });
listen(window, "sdpo:notice-refused", () => {
  notNoticed = text.noticesRefused;
  if (snapshot) drawWarnings(snapshot.warnings);
});
listen(document, "click", (event) => {
  const tab = event.target.closest?.("[role=tab]");
  if (!tab) return;
  if (event.detail > 0) tab.blur(); // clicked with a pointer: from here on keys are for the page, not for the tabs
  setTimeout(() => snapshot && draw());
});
watch("value", () => wake?.()); // Python sets a new value after it started something
poll();
