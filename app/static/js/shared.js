// Put in front of every widget's script, behind `given` (widget.py). Gradio hands in: element, props, server, trigger, watch.

const text = given.text;

/** Make an element: make("button", {class: "x", onclick: f, text: "Stop"}, child, ...). Text never becomes HTML. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Call a server function. Gradio resolves to undefined when the network or the server fails; so does this. */
async function ask(name, message = {}) {
  try {
    return await during(server[name](message));
  } catch {
    return undefined;
  }
}

/** Count a promise among what is under way; a page that is still being built is shown when nothing is (arrive.js). */
async function during(promise) {
  window.sdpoUnderWay = (window.sdpoUnderWay ?? 0) + 1;
  try {
    return await promise;
  } finally {
    window.sdpoUnderWay -= 1;
  }
}

/** Fill "{n} of {total}". */
function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Listen on window or document for as long as this widget lives; a second run of the script replaces the first. */
function listen(target, event, handler) {
  const key = `${given.elem_id}:${event}`;
  window.sdpoListeners ??= {};
  window.sdpoListeners[key]?.();
  target.addEventListener(event, handler);
  window.sdpoListeners[key] = () => target.removeEventListener(event, handler);
}

/** A choice of this person in this browser, kept where the browser allows it. */
function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { forgotten[key] = value; }
}

function remembered(key) {
  try { return localStorage.getItem(key) ?? forgotten[key]; } catch { return forgotten[key]; }
}

const forgotten = window.sdpoForgotten ??= {}; // where nothing can be kept, it lasts as long as the page

/** The chosen way to vote. */
function voteMode() {
  return remembered("sdpo.mode") ?? "pairs";
}

/** Whether the widget can be seen (its tab is the open one). */
function visible() {
  return element.isConnected && element.getClientRects().length > 0;
}

/** Open a page of the studio. */
function openTab(id) {
  document.getElementById(`tab-${id}-button`)?.click();
}

const root = element.querySelector("[class]") ?? element;
