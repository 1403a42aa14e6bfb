// What reaches a page that nobody looks at: its title, its icon and, if the person asked for it, a notification of the
// system. While a job runs the title says how far it is; its end stays in the title until somebody looks.

const PLAIN_ICON = "/sdpo/static/favicon.svg";

let toldEnd = null; // the job whose end stands in the title
let wasRunning = ""; // id of the job that ran at the last look

const bell = make("button", { type: "button", class: "top-theme top-bell", hidden: !("Notification" in window), onclick: askForNotices });

function wantsNotices() {
  return "Notification" in window && Notification.permission === "granted" && remembered("sdpo.notices") === "on";
}

function drawBell() {
  const on = wantsNotices();
  bell.setAttribute("aria-pressed", String(on));
  bell.title = on ? text.noticesOn : text.noticesOff;
  bell.setAttribute("aria-label", text.notices);
}

/** Returns why there will be no notifications; empty when all is well. */
async function askForNotices() {
  if (wantsNotices()) {
    remember("sdpo.notices", "off");
  } else {
    const answer = await Notification.requestPermission();
    if (answer === "granted") remember("sdpo.notices", "on");
    else window.dispatchEvent(new CustomEvent("sdpo:notice-refused"));
  }
  drawBell();
}

function looking() {
  return !document.hidden && document.hasFocus();
}

function setIcon(href) {
  let link = document.querySelector("link[rel~='icon'][data-sdpo]");
  if (!link) {
    for (const other of document.querySelectorAll("link[rel~='icon']")) other.remove();
    link = make("link", { rel: "icon", type: "image/svg+xml", "data-sdpo": "yes" });
    document.head.append(link);
  }
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
}

/** Put the job into title and icon; its end is told once, to those who do not look. */
function announce(job) {
  if (job?.running) {
    wasRunning = job.id;
    toldEnd = null;
    const share = job.total ? `${Math.min(100, Math.round((100 * job.step) / job.total))} % ` : "";
    document.title = `${share}${text.names[job.verb]} · ${text.name}`;
    setIcon("/sdpo/static/icons/favicon-running.svg");
    return;
  }
  if (job && job.id === wasRunning && (job.verb !== "generate" || job.state !== "done")) {
    if (!looking()) {
      toldEnd = job;
      notify(job);
    }
  }
  wasRunning = "";
  drawEnd();
}

function drawEnd() {
  if (toldEnd && looking()) toldEnd = null;
  const mark = { done: "✓", stopped: "■", failed: "✗" };
  document.title = toldEnd ? `${mark[toldEnd.state]} ${text[toldEnd.state][toldEnd.verb]} · ${text.name}` : text.name;
  setIcon(toldEnd ? `/sdpo/static/icons/favicon-${toldEnd.state === "failed" ? "failed" : "done"}.svg` : PLAIN_ICON);
}

function notify(job) {
  if (!wantsNotices()) return;
  try {
    const notice = new Notification(text[job.state][job.verb], { body: job.message, tag: job.id, icon: PLAIN_ICON });
    notice.onclick = () => { window.focus(); notice.close(); };
  } catch { /* some phones know the name and not the thing; the title says it */ }
}

drawBell();
