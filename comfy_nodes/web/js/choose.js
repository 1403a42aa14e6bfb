// The panel of "Choose Preferred", and the command that opens the studio. Everything is decided on the server; a page
// that is reloaded, or a second tab, asks for what still waits and shows it again.

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";

const NODE = "SdpoChoosePreferred";
const WORDS = {
  en: {
    ask: "Which is better?",
    skip: "Skip",
    hint: "Keys 1–9; 0 skips",
    left: "s left",
    lost: "No answer from ComfyUI. Try again.",
    closed: "SDPO Studio isn't running. Start it with: python launch.py",
  },
  de: {
    ask: "Welches ist besser?",
    skip: "Auslassen",
    hint: "Tasten 1–9; 0 lässt aus",
    left: "s noch",
    lost: "ComfyUI antwortet nicht. Noch einmal versuchen.",
    closed: "SDPO Studio läuft nicht. Starten mit: python launch.py",
  },
};
const STYLE = `
.sdpo-panels { display: flex; flex-direction: column; gap: 8px; width: 100%; height: 100%; overflow: auto; box-sizing: border-box; }
.sdpo-corner { position: fixed; right: 16px; bottom: 64px; z-index: 1000; width: min(440px, 90vw); height: auto; max-height: 70vh; }
.sdpo-panel { background: var(--comfy-menu-bg, #222); color: var(--input-text, #ddd); border: 1px solid var(--border-color, #555);
  border-radius: 8px; padding: 8px; font: 13px/1.4 sans-serif; display: flex; flex-direction: column; gap: 6px; min-height: 0; flex: 1 0 auto; }
.sdpo-panel header { display: flex; justify-content: space-between; gap: 8px; }
.sdpo-images { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 6px; }
.sdpo-panel button { font: inherit; color: inherit; background: var(--comfy-input-bg, #333); border: 2px solid transparent;
  border-radius: 6px; padding: 2px; cursor: pointer; position: relative; }
.sdpo-panel button:hover, .sdpo-panel button:focus-visible { border-color: var(--p-primary-color, #4a9eff); outline: none; }
.sdpo-panel button:disabled { opacity: .5; cursor: default; }
.sdpo-panel img { display: block; width: 100%; max-height: 320px; object-fit: contain; border-radius: 4px; }
.sdpo-number { position: absolute; left: 6px; top: 6px; background: #000a; color: #fff; border-radius: 4px; padding: 0 6px; }
.sdpo-skip { align-self: end; padding: 2px 12px !important; }`;

const panels = new Map(); // token -> { element, choose, timer }

function words() {
  const locale = app.extensionManager?.setting?.get("Comfy.Locale") ?? "en";
  return WORDS[locale] ?? WORDS.en;
}

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** The node of an id such as "12" or, inside subgraphs, "12:3"; undefined when this page has another workflow. */
function nodeOf(id) {
  let graph = app.rootGraph ?? app.graph;
  let node;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(Number(part)) ?? graph?.getNodeById(part);
    graph = node?.subgraph;
    if (!node) return undefined;
  }
  return node;
}

/** Where the panel goes: on the node if it can be seen now, else into a corner of the page, which it does not block. */
function placeFor(id) {
  const node = nodeOf(id);
  if (node?.comfyClass === NODE && node.sdpoPanels && node.graph === app.canvas?.graph) {
    const [width, height] = node.size;
    node.setSize([Math.max(width, 360), Math.max(height, 620)]);
    return node.sdpoPanels;
  }
  let corner = document.querySelector(".sdpo-corner");
  if (!corner) {
    corner = make("div", "sdpo-panels sdpo-corner");
    document.body.append(corner);
  }
  return corner;
}

function show(question) {
  if (panels.has(question.token)) return;
  const say = words();
  const element = make("section", "sdpo-panel");
  const head = make("header");
  const clock = make("span");
  const images = make("div", "sdpo-images");
  const note = make("small", "", say.hint);
  head.append(make("strong", "", say.ask), clock);

  const choose = async (choice) => {
    const buttons = element.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    try {
      const reply = await api.fetchApi("/sdpo/answer", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token: question.token, choice }),
      });
      if (reply.ok || reply.status === 410) close(question.token);
      else throw new Error((await reply.json()).message);
    } catch (error) {
      note.textContent = error instanceof TypeError ? say.lost : error.message;
      for (const button of buttons) button.disabled = false;
    }
  };
  for (let number = 0; number < question.count; number++) {
    const button = make("button");
    const image = make("img");
    image.src = api.apiURL(`/sdpo/picture/${question.token}/${number}`);
    image.alt = String(number + 1);
    button.append(image, make("span", "sdpo-number", String(number + 1)));
    button.addEventListener("click", () => choose(number));
    images.append(button);
  }
  const skip = make("button", "sdpo-skip", say.skip);
  skip.addEventListener("click", () => choose(null));
  element.append(head, images, note, skip);

  const ends = question.left_s === null ? null : Date.now() + question.left_s * 1000;
  const tick = () => {
    clock.textContent = ends ? `${Math.max(0, Math.round((ends - Date.now()) / 1000))} ${say.left}` : "";
  };
  tick();
  panels.set(question.token, { element, choose, count: question.count, timer: setInterval(tick, 1000) });
  placeFor(question.node).append(element);
}

function close(token) {
  const panel = panels.get(token);
  if (!panel) return;
  clearInterval(panel.timer);
  panel.element.remove();
  panels.delete(token);
  const corner = document.querySelector(".sdpo-corner");
  if (corner && !corner.childElementCount) corner.remove();
}

/** Ask the server what waits: after a reload, or when the connection was lost meanwhile. */
async function refresh() {
  try {
    const waiting = await (await api.fetchApi("/sdpo/questions")).json();
    const tokens = new Set(waiting.map((question) => question.token));
    [...panels.keys()].filter((token) => !tokens.has(token)).forEach(close);
    waiting.forEach(show);
  } catch {
    // the server is starting or gone; "reconnected" asks again
  }
}

/** Whether an image of the panel can be seen: not behind a dialog, not outside the window. */
function visible(element) {
  return [...element.querySelectorAll("img")].some((image) => {
    const box = image.getBoundingClientRect();
    return element.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
  });
}

/** Digits answer the panel under the pointer, or the only one that can be seen; never while somebody types. */
function onKey(event) {
  if (!panels.size || !/^[0-9]$/.test(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const all = [...panels.values()].filter(({ element }) => visible(element));
  const panel = all.find(({ element }) => element.matches(":hover")) ?? (all.length === 1 ? all[0] : undefined);
  const number = Number(event.key);
  if (!panel || number > panel.count) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  panel.choose(number === 0 ? null : number - 1);
}

async function openStudio() {
  const { url, message } = await (await api.fetchApi("/sdpo/studio")).json();
  if (url) window.open(url, "_blank", "noopener");
  else
    app.extensionManager?.toast?.add({
      severity: "info",
      summary: "SDPO Studio",
      detail: message || words().closed,
      life: 8000,
    });
}

app.registerExtension({
  name: "sdpo.studio",
  commands: [{ id: "SdpoStudio.Open", label: "Open SDPO Studio", icon: "pi pi-external-link", function: openStudio }],
  menuCommands: [{ path: ["Extensions"], commands: ["SdpoStudio.Open"] }],
  setup() {
    document.head.append(make("style", "", STYLE));
    document.addEventListener("keydown", onKey, true);
    api.addEventListener("sdpo.question", ({ detail }) => show(detail));
    api.addEventListener("sdpo.closed", ({ detail }) => close(detail.token));
    api.addEventListener("reconnected", refresh);
    refresh();
  },
  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    node.sdpoPanels = make("div", "sdpo-panels");
    node.addDOMWidget("choose", "sdpo-choose", node.sdpoPanels, {
      serialize: false,
      hideOnZoom: false,
      getMinHeight: () => (node.sdpoPanels.childElementCount ? 320 : 20),
    });
  },
});
