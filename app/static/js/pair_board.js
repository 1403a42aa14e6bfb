// The pair board: two images, one click or one key. Pairs are fetched ahead, so the next one paints at once; votes go
// out one after another and wait in localStorage until the studio has them.

const DECK = 12;
const REFILL_BELOW = 8;
const RETRY_MS = [300, 600, 1200, 2500, 5000];
const UNSAVED_AFTER_MS = 1000;
const KEYS = {
  arrowleft: "left", a: "left", arrowright: "right", d: "right", arrowdown: "tie", b: "both-bad", s: "skip", z: "undo",
};
const SYMBOLS = { left: "←", right: "→", tie: "↓", "both-bad": "B", skip: "S", undo: "Z" };
const TYPING = "input, textarea, select, [contenteditable], dialog, [role=slider], [role=combobox], [role=listbox]," +
  " [role=tab], [role=menu], [role=dialog], [role=textbox]";
const STORED = `sdpo.pending.${props.board}.`;

let deck = [];
let history = [];
let pending = restore();
let left_out = new Set(); // ids of pairs with an image that can't be shown
let progress = { done: 0, open: 0, total: 0, complete: false, last: null };
let job = null;
let shownAt = 0;
let fetching = false;
let behind = false; // whether the studio's numbers were asked for while votes were on their way
let flushing = false;
let counter = 0;
let generation = 0; // counts resets, so that answers to an earlier judgement are dropped
let storageWorks = true;

// --- elements ------------------------------------------------------------------------------------------------------

const sides = Object.fromEntries(["left", "right"].map((side) => [side, make("button", {
  class: `board-image ${side}`,
  type: "button",
  "aria-label": text[`${side}Label`],
  "aria-keyshortcuts": side === "left" ? "ArrowLeft A" : "ArrowRight D",
  onclick: () => choose(side),
})]));
const prompt = make("p", { class: "board-prompt" });
const count = make("span", { class: "board-count" });
const meter = make("span", { class: "board-meter", hidden: true }, make("span"));
const badge = make("span", { class: "board-unsaved", role: "status", title: text.unsavedHint, hidden: true });
const said = make("span", { class: "board-said", "aria-live": "polite" });
const stage = make("div", { class: "board-stage", role: "group", "aria-label": text.label }, sides.left, sides.right);
const others = props.choices.filter((choice) => !(choice in sides));
const buttons = make("div", { class: "board-buttons" }, ...[...others, "undo"].map((name) => make("button", {
  type: "button",
  class: `board-button ${name}`,
  "aria-keyshortcuts": SYMBOLS[name] === "↓" ? "ArrowDown" : SYMBOLS[name],
  onclick: () => (name === "undo" ? undo() : choose(name)),
}, make("kbd", { text: SYMBOLS[name], "aria-hidden": "true" }), text[name])));
const hintTitle = make("p", { class: "board-empty-title" });
const hintText = make("p", { class: "board-empty-hint" });
const hintButton = make("button", {
  type: "button", class: "sdpo-button", text: text.emptyButton, onclick: () => openTab("generate"),
});
const hint = make("div", { class: "board-empty", hidden: true }, hintTitle, hintText, hintButton);
const legend = make("p", { class: "board-legend", "aria-hidden": "true" },
  make("kbd", { text: "←" }), ` ${text.left} `, make("kbd", { text: "→" }), ` ${text.right}`);
root.replaceChildren(
  make("div", { class: "board-top" }, prompt, make("div", { class: "board-state" }, badge, meter, count)),
  stage, hint,
  make("div", { class: "board-bottom" }, legend, buttons, said),
);

// --- showing -------------------------------------------------------------------------------------------------------

function draw() {
  const pair = deck[0];
  const shown = Boolean(pair?.ready) && !progress.complete;
  root.hidden = props.board === "judge" && (!props.value || progress.complete);
  stage.hidden = !shown && deck.length === 0;
  stage.classList.toggle("waiting", !shown);
  hint.hidden = !stage.hidden;
  prompt.textContent = pair && !stage.hidden ? pair.prompt : "";
  if (shown && root.dataset.pair !== String(pair.id)) {
    sides.left.replaceChildren(pair.elements[0], make("kbd", { text: "←", "aria-hidden": "true" }));
    sides.right.replaceChildren(pair.elements[1], make("kbd", { text: "→", "aria-hidden": "true" }));
    shownAt = performance.now();
  }
  if (!shown) for (const side of Object.values(sides)) side.replaceChildren();
  root.dataset.pair = shown ? pair.id : "";
  drawHint();
  drawState();
}

function drawHint() {
  const judging = props.board === "judge";
  const drawing = job?.running && (judging ? job.id === props.value : job.verb === "generate");
  let title = judging ? text.judgeShort : text.empty;
  if (drawing) title = judging ? text.judgeWaiting : text.drawing;
  else if (fetching) title = text.loading;
  hintTitle.textContent = title;
  hintText.textContent = judging || drawing || fetching ? "" : text.emptyHint;
  hintButton.hidden = judging || Boolean(drawing) || fetching;
}

function drawState() {
  const late = pending.length > 0 && Date.now() - pending[0].at > UNSAVED_AFTER_MS;
  badge.hidden = !late;
  badge.textContent = late ? fill(text.unsaved, { n: pending.length }) : "";
  count.textContent = fill(progress.total ? text.progress : text.votes, progress);
  count.hidden = !progress.total && progress.done + progress.open === 0;
  meter.hidden = !progress.total;
  meter.firstChild.style.width = `${progress.total ? (100 * progress.done) / progress.total : 0}%`;
  root.dataset.pending = pending.length;
  root.dataset.done = progress.done;
  root.dataset.complete = progress.complete;
  for (const button of buttons.querySelectorAll("button")) {
    const possible = button.classList.contains("undo") ? history.length > 0 || progress.last : deck[0]?.ready;
    button.disabled = progress.complete || !possible;
  }
}

function say(sentence) {
  said.textContent = sentence;
}

// --- the deck ------------------------------------------------------------------------------------------------------

async function refill() {
  const enough = deck.length >= REFILL_BELOW && !(behind && pending.length === 0);
  if (fetching || progress.complete || enough || (props.board === "judge" && !props.value)) return;
  fetching = true;
  const mine = generation;
  const sent = pending.length === 0 ? counter : -1;
  const have = [...deck.map((pair) => pair.id), ...pending.map((op) => op.pair).filter(Boolean), ...left_out];
  const reply = await ask("deck", { run: props.value || "", n: Math.max(1, DECK - deck.length), have });
  fetching = false;
  if (mine !== generation) return refill();
  if (!reply) {
    setTimeout(refill, 1500);
  } else if (!reply.ok) {
    say(reply.error);
  } else {
    behind = sent !== counter; // a vote crossed this answer, whose numbers may be those from before it
    if (!behind) progress = { ...progress, done: reply.done, open: reply.open };
    if (!behind && history.length === 0) progress.last = reply.last;
    progress.total = reply.total ?? 0;
    if (reply.complete) finish();
    const known = new Set([...deck.map((pair) => pair.id), ...pending.map((op) => op.pair)]);
    for (const pair of reply.pairs) if (!known.has(pair.id)) deck.push(load(pair));
    if (behind && pending.length === 0) refill();
  }
  draw();
}

function load(pair) {
  pair.elements = pair.images.map((sha256, i) => {
    const image = new Image();
    image.alt = i === 0 ? text.left : text.right;
    image.draggable = false;
    image.src = `/sdpo/image/${sha256}`;
    return image;
  });
  Promise.all(pair.elements.map((image) => image.decode())).then(
    () => { pair.ready = true; if (deck[0] === pair) draw(); },
    () => dismiss(pair),
  );
  return pair;
}

/** An image did not load: leave the pair out if the image is gone or damaged, wait if the studio does not answer. */
async function dismiss(pair) {
  const answers = await Promise.all(pair.images.map((sha256) => fetch(`/sdpo/image/${sha256}`).catch(() => null)));
  if (answers.includes(null)) {
    setTimeout(() => load(pair), 1500);
    return;
  }
  left_out.add(pair.id);
  deck = deck.filter((other) => other !== pair);
  say(text.gone);
  draw();
  refill();
}

// --- choosing ------------------------------------------------------------------------------------------------------

function choose(choice) {
  const pair = deck[0];
  if (!pair?.ready || progress.complete || !props.choices.includes(choice)) return;
  deck.shift();
  const vote = crypto.randomUUID();
  const ms = Math.round(performance.now() - shownAt);
  history.push({ uuid: vote, pair });
  progress.done += 1;
  progress.open -= 1;
  say(text.chose[choice]);
  send({ kind: "vote", run: props.value || "", uuid: vote, pair: pair.id, images: pair.images, choice, ms });
  draw();
  refill();
}

function undo() {
  if (progress.complete) return;
  const taken = history.pop() ?? (pending.length === 0 ? progress.last : null);
  if (!taken) return say(text.undoFirst);
  progress.last = null;
  progress.done -= 1;
  progress.open += 1;
  deck = deck.filter((pair) => pair.id !== taken.pair.id);
  deck.unshift(taken.pair.elements ? taken.pair : load(taken.pair));
  say(text.undone);
  send({ kind: "undo", run: props.value || "", uuid: crypto.randomUUID(), vote: taken.uuid });
  draw();
}

// --- saving --------------------------------------------------------------------------------------------------------

function send(op) {
  op.at = Date.now();
  op.key = `${STORED}${String(op.at).padStart(15, "0")}.${String(counter++).padStart(6, "0")}.${op.uuid}`;
  pending.push(op);
  try {
    localStorage.setItem(op.key, JSON.stringify(op));
  } catch {
    storageWorks = false; // private window or full storage: the page warns before it is left
  }
  flush();
}

async function flush() {
  if (flushing) return;
  flushing = true;
  let failures = 0;
  while (pending.length > 0) {
    const { kind, key, at, ...message } = pending[0];
    const reply = await ask(kind, message);
    if (!reply || (!reply.ok && reply.retry)) {
      if (reply) say(reply.error);
      drawState();
      await new Promise((resume) => setTimeout(resume, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]));
      continue;
    }
    failures = 0;
    pending.shift();
    try { localStorage.removeItem(key); } catch { storageWorks = false; }
    if (!reply.ok) say(reply.error);
    if (kind === "undo" && history.length === 0) progress.last = reply.last ?? null;
    if (reply.complete && message.run === props.value) finish();
    drawState();
  }
  flushing = false;
  refill();
}

/** Votes that an earlier visit of this page could not deliver. Sending one twice does no harm: its uuid names it. */
function restore() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(STORED)).sort();
    return keys.map((key) => ({ ...JSON.parse(localStorage.getItem(key)), key }));
  } catch {
    return [];
  }
}

function finish() {
  if (progress.complete) return;
  progress.complete = true;
  deck = [];
  draw();
  trigger("complete");
}

// --- events --------------------------------------------------------------------------------------------------------

function onKey(event) {
  const name = KEYS[event.key.toLowerCase()];
  const target = event.composedPath()[0];
  if (!name || event.defaultPrevented || event.repeat || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey || !visible() || root.hidden) return;
  if (target instanceof Element && target.closest(TYPING)) return;
  if (name !== "undo" && !props.choices.includes(name)) return;
  event.preventDefault();
  if (name === "undo") undo();
  else choose(name);
}

function onStatus(event) {
  job = event.detail.job;
  if (!visible()) return;
  if (deck.length < REFILL_BELOW && (deck.length === 0 || event.detail.counts.open > deck.length)) refill();
  else drawHint();
}

function reset() {
  generation += 1;
  deck = [];
  history = [];
  left_out = new Set();
  progress = { done: 0, open: 0, total: 0, complete: false, last: null };
  say("");
  draw();
  refill();
}

listen(document, "keydown", onKey);
listen(window, "sdpo:status", onStatus);
listen(window, "beforeunload", (event) => { if (pending.length && !storageWorks) event.preventDefault(); });
watch("value", reset);
setInterval(() => { if (pending.length || !badge.hidden) drawState(); }, 250);
draw();
flush().then(refill);
