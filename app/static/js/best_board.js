// Several images of one prompt: a click on the best, then one on the worst. Sets are fetched ahead like pairs; answers go
// out through the outbox.

const SIZES = [3, 4, 6, 9];
const AHEAD = 3;
const KEYS = { z: "undo", s: "skip", ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => [String(n), n])) };

let deck = [];
let history = [];
let best = null; // the place of the best one, once it is chosen
let shownSet = null;
let shownAt = 0;
let fetching = false;
let done = 0;
let last = null;
let generation = 0;
const put_off = new Set(); // candidates of sets that were not wanted now, or can't be shown

const question = make("p", { class: "board-prompt best-question" });
const prompt = make("p", { class: "best-prompt" });
const badge = make("span", { class: "board-unsaved", role: "status", title: text.unsavedHint, hidden: true });
const count = make("span", { class: "board-count" });
const size = make("select", { "aria-label": text.bestOf, onchange: resize },
  ...SIZES.map((n) => make("option", { value: n, text: String(n), selected: n === wantedSize() })));
const grid = make("div", { class: "best-grid", role: "group", "aria-label": text.best });
const skipButton = make("button", { type: "button", class: "board-button skip", onclick: skip });
const undoButton = make("button", { type: "button", class: "board-button undo", onclick: undo });
const buttons = make("div", { class: "board-buttons" }, skipButton, undoButton, keySwitch());
const said = make("span", { class: "board-said", "aria-live": "polite" });
const hint = make("div", { class: "board-empty", hidden: true }, make("p", { class: "board-empty-title" }),
  make("p", { class: "board-empty-hint" }),
  make("button", { type: "button", class: "sdpo-button", text: text.emptyButton, onclick: () => openTab("generate") }));
root.replaceChildren(
  make("div", { class: "board-top" }, make("div", {}, question, prompt), make("div", { class: "board-state" }, badge, count,
    make("label", { class: "best-size" }, text.bestOf, size))),
  grid, hint, make("div", { class: "board-bottom" }, buttons, said, keyHelp([
    [["1", "2", "…"], text.numberKey], [["S"], `${text.notNow}; ${text.noWorst}`], [["Z"], text.undo],
  ])),
);
keepFocus(root);

function wantedSize() {
  const kept = Number(remembered("sdpo.best-of"));
  return SIZES.includes(kept) ? kept : 4;
}

// --- showing -------------------------------------------------------------------------------------------------------

function draw() {
  const set = deck[0]?.ready ? deck[0] : null;
  root.hidden = voteMode() !== "best";
  grid.hidden = question.hidden = deck.length === 0;
  hint.hidden = deck.length > 0;
  hint.children[0].textContent = fetching ? text.loading : text.bestEmpty;
  hint.children[1].textContent = fetching ? "" : text.bestEmptyHint;
  hint.children[2].hidden = fetching;
  question.textContent = best === null ? text.best : text.worst;
  prompt.textContent = deck[0]?.prompt ?? "";
  if (set !== shownSet) {
    grid.replaceChildren(...(set ? set.elements.map(tile) : []));
    shownSet = set;
    shownAt = performance.now();
    fit();
  }
  [...grid.children].forEach((button, i) => button.classList.toggle("best", i === best));
  put(skipButton, "S", best === null ? text.notNow : text.noWorst);
  put(undoButton, "Z", best === null ? text.undo : text.back);
  skipButton.disabled = !set;
  undoButton.disabled = best === null && !history.length && !last;
  root.dataset.set = set ? set.candidates.join() : "";
  root.dataset.best = best ?? "";
  drawState();
}

function put(button, key, label) {
  button.replaceChildren(make("kbd", { text: key, "aria-hidden": "true" }), label);
}

function drawState() {
  showUnsaved(badge, outbox);
  count.textContent = fill(text.bestVotes, { done });
  root.dataset.pending = outbox.pending.length;
  root.dataset.done = done;
}

function tile(image, i) {
  return make("button", {
    type: "button",
    class: "board-image",
    "aria-label": fill(text.number, { n: i + 1 }),
    "aria-keyshortcuts": i + 1,
    onclick: () => choose(i),
  }, image, make("kbd", { text: i + 1, "aria-hidden": "true" }), make("span", { class: "best-mark", text: text.bestMark }));
}

/** As many columns as make the images largest. */
function fit() {
  if (!shownSet || !root.clientWidth) return;
  const { elements } = shownSet;
  const ratio = Math.max(...elements.map((image) => image.naturalWidth / image.naturalHeight || 1));
  const above = root.clientWidth < 700 ? 0 : Math.max(0, grid.getBoundingClientRect().top + scrollY);
  const tall = Math.max(320, innerHeight - above - (above ? 80 : 170));
  let widest = [0, 1];
  for (let columns = 1; columns <= elements.length; columns += 1) {
    const lines = Math.ceil(elements.length / columns);
    const wide = Math.min((root.clientWidth - 12 * (columns - 1)) / columns, ((tall - 12 * (lines - 1)) / lines) * ratio);
    if (wide > widest[0]) widest = [Math.floor(wide), columns];
  }
  root.style.setProperty("--image-w", `${widest[0]}px`);
  root.style.setProperty("--image-h", `${Math.floor(widest[0] / ratio)}px`);
  grid.style.gridTemplateColumns = `repeat(${widest[1]}, var(--image-w))`;
}

// --- the sets ------------------------------------------------------------------------------------------------------

async function refill() {
  if (fetching || root.hidden || deck.length >= AHEAD) return;
  fetching = true;
  const mine = generation;
  const waiting = outbox.pending.flatMap((op) => op.candidates ?? []);
  const have = [...deck.flatMap((set) => set.candidates), ...waiting, ...put_off];
  const reply = await ask("sets", { size: wantedSize(), have });
  fetching = false;
  if (mine !== generation) return refill();
  if (!reply) setTimeout(refill, 1500);
  else if (!reply.ok) said.textContent = reply.error;
  else {
    if (outbox.pending.length === 0) [done, last] = [reply.done, history.length ? null : reply.last];
    const known = new Set(deck.flatMap((set) => set.candidates));
    for (const set of reply.sets) if (!set.candidates.some((one) => known.has(one))) deck.push(load(set));
  }
  draw();
}

function load(set) {
  return loadImages(set, [], {
    ready: () => { if (deck[0] === set) draw(); },
    gone: () => { putOff(set); said.textContent = text.gone; },
  });
}

function putOff(set) {
  for (const one of set.candidates) put_off.add(one);
  deck = deck.filter((other) => other !== set);
  best = null;
  draw();
  refill();
}

// --- choosing ------------------------------------------------------------------------------------------------------

function choose(place) {
  const set = deck[0];
  if (!set?.ready || place >= set.candidates.length) return;
  if (best === null) {
    best = place;
    draw();
  } else if (place === best) {
    best = null; // not that one after all
    draw();
  } else answer(place);
}

function answer(worst) {
  const set = deck.shift();
  const uuid = crypto.randomUUID();
  const { candidates, images } = set;
  const ms = Math.round(performance.now() - shownAt);
  const chosen = { best: candidates[best], worst: worst === null ? null : candidates[worst] };
  history.push({ uuid, set });
  best = null;
  outbox.send({ kind: "rank", uuid, candidates, images, ...chosen, ms });
  draw();
  refill();
}

function skip() {
  if (!deck[0]?.ready) return;
  if (best === null) putOff(deck[0]);
  else answer(null);
}

function undo() {
  if (best !== null) {
    best = null;
    return draw();
  }
  const taken = history.pop() ?? (outbox.pending.length === 0 ? last : null);
  if (!taken) return;
  last = null;
  deck = deck.filter((set) => !set.candidates.some((one) => taken.set.candidates.includes(one)));
  deck.unshift(taken.set.elements ? taken.set : load(taken.set));
  said.textContent = text.undone;
  outbox.send({ kind: "undo", uuid: crypto.randomUUID(), vote: taken.uuid });
  draw();
}

const outbox = makeOutbox("best", {
  state: drawState,
  said: (sentence) => { said.textContent = sentence; },
  idle: () => recount().then(refill),
  saved: (op, reply) => {
    if (op.kind === "rank" && reply.ok && reply.votes) said.textContent = fill(text.choseBest, { n: reply.votes });
    if (op.kind === "undo" && !history.length) last = reply.last ?? null;
  },
});

/** How many votes there are now; an answer gives several, and some pairs may have had theirs. */
async function recount() {
  if (root.hidden) return;
  const reply = await ask("sets", { size: wantedSize(), have: [] });
  if (reply?.ok && outbox.pending.length === 0) done = reply.done;
  drawState();
}

function resize() {
  remember("sdpo.best-of", size.value);
  size.blur();
  reset();
}

function reset() {
  generation += 1;
  [deck, history, best, last] = [[], [], null, null];
  put_off.clear();
  draw();
  refill();
}

listen(document, "keydown", (event) => {
  const name = meantKey(event, KEYS);
  if (!name) return;
  event.preventDefault();
  if (event.repeat) return;
  if (name === "undo") undo();
  else if (name === "skip") skip();
  else choose(name - 1);
});
listen(window, "sdpo:mode", reset);
listen(window, "sdpo:status", () => { if (visible() && deck.length === 0) refill(); });
listen(window, "resize", fit);
new ResizeObserver(fit).observe(root);
setInterval(() => { if (outbox.pending.length || !badge.hidden) drawState(); }, 250);
draw();
outbox.flush();
