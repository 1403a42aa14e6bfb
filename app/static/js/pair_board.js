// The pair board: two images, one click or one key. Pairs are fetched ahead, so the next one paints at once; votes go
// out through the outbox. The images are the stage's, the meaning of keys is in keys.js.

const DECK = 12;
const REFILL_BELOW = 8;
const KEYS = {
  arrowleft: "left", a: "left", arrowright: "right", d: "right", arrowdown: "tie", b: "both-bad", s: "skip", z: "undo",
  " ": "peek", c: "flicker", f: "large", escape: "back",
};
const SYMBOLS = { tie: "↓", "both-bad": "B", skip: "S", undo: "Z", peek: text.space, flicker: "C", large: "F" };
const LOOKS = ["peek", "flicker"];
const ASK_AGAIN = "sdpo.ask-again";

let deck = [];
let inSight = false; // the board was brought into sight since the page was opened
let history = [];
let left_out = new Set(); // ids of pairs with an image that can't be shown
let progress = noProgress();
let shownPair = null;
let job = null;
let shownAt = 0;
let fetching = false;
let behind = false; // whether the studio's numbers were asked for while votes were on their way
let strong = false; // whether the next side chosen is much better
let generation = 0; // counts resets, so that answers to an earlier judgement are dropped

// --- elements ------------------------------------------------------------------------------------------------------

const stage = makeStage((side, event) => choose(side, event.shiftKey));
const prompt = make("p", { class: "board-prompt" });
const count = make("span", { class: "board-count" });
const meter = make("span", { class: "board-meter", hidden: true }, make("span"));
const badge = make("span", { class: "board-unsaved", role: "status", title: text.unsavedHint, hidden: true });
const said = make("span", { class: "board-said", "aria-live": "polite" });
const others = given.choices.filter((choice) => !["left", "right"].includes(choice));
const buttons = make("div", { class: "board-buttons" }, ...[...others, "undo"].map((name) => boardButton(name,
  () => (name === "undo" ? undo() : choose(name)))));
const strongButton = make("button", {
  type: "button", class: "board-button strong", "aria-pressed": "false", title: text.strongHint,
  onclick: () => setStrong(!strong),
}, make("kbd", { text: "⇧", "aria-hidden": "true" }), text.strong);
const tools = make("div", { class: "board-buttons tools" },
  strongButton, ...LOOKS.map((name) => boardButton(name, () => stage.toggleLook(name))), boardButton("large", setLarge),
  keySwitch());
const hintTitle = make("p", { class: "board-empty-title" });
const hintText = make("p", { class: "board-empty-hint" });
const hintButton = make("button", {
  type: "button", class: "sdpo-button", text: text.emptyButton, onclick: () => openTab("generate"),
});
const hint = make("div", { class: "board-empty", hidden: true }, hintTitle, hintText, hintButton);
const standing = makeStanding();
const judging = given.board === "judge";
const help = keyHelp([
  [["←", "A"], text.leftLabel], [["→", "D"], text.rightLabel], [["⇧"], text.strongHint],
  ...[...others, "undo"].map((name) => [[SYMBOLS[name]], text[name]]),
  [[text.space], text.peekKey], [["C"], text.flickerKey], [["F"], text.largeKey],
], judging ? null : rememberedSwitch(ASK_AGAIN, text.askAgain));
const state = make("div", { class: "board-state" }, badge, meter, count);
const bottom = make("div", { class: "board-bottom" }, buttons, tools,
  ...(judging ? [said] : [standing.finish, standing.facts, said, standing.more]), help);
root.replaceChildren(make("div", { class: "board-top" }, prompt, state), stage.node, hint, bottom, stage.overlay);
keepFocus(root);

function boardButton(name, onclick) {
  return make("button", {
    type: "button",
    class: `board-button ${name}`,
    title: text[`${name}Key`],
    "aria-keyshortcuts": { "↓": "ArrowDown", [text.space]: "Space" }[SYMBOLS[name]] ?? SYMBOLS[name],
    onclick,
  }, make("kbd", { text: SYMBOLS[name], "aria-hidden": "true" }), text[name]);
}

function noProgress() {
  return { done: 0, open: 0, total: 0, decided: 0, complete: false, last: null, consistency: null };
}

// --- showing -------------------------------------------------------------------------------------------------------

function draw() {
  const pair = deck[0];
  const shown = Boolean(pair?.ready) && !progress.complete;
  root.hidden = judging ? !props.value || progress.complete : !["pairs", "swiss"].includes(voteMode());
  stage.node.hidden = !shown && deck.length === 0;
  stage.node.classList.toggle("waiting", !shown);
  hint.hidden = !stage.node.hidden;
  tools.hidden = help.hidden = stage.node.hidden;
  prompt.textContent = pair && !stage.node.hidden ? pair.prompt : "";
  if (shown && shownPair !== pair) {
    stage.show(pair.elements);
    bringIntoSight();
    shownAt = performance.now();
  }
  if (!shown) stage.clear();
  shownPair = shown ? pair : null;
  root.dataset.pair = shown ? pair.id : "";
  drawHint();
  drawState();
}

/** A phone takes both images and the buttons, and no more: when the page is opened, what is above is scrolled away. */
function bringIntoSight() {
  if (inSight || !visible()) return;
  inSight = true;
  if (scrollY === 0 && root.clientWidth < PHONE_PX) root.scrollIntoView({ block: "start" });
}

function drawHint() {
  const drawing = job?.running && (judging ? job.id === props.value : job.verb === "generate");
  const empty = voteMode() === "swiss" ? "swissEmpty" : "empty";
  let title = judging ? text.judgeShort : text[empty];
  if (drawing) title = judging ? text.judgeWaiting : text.drawing;
  else if (fetching) title = text.loading;
  hintTitle.textContent = title;
  hintText.textContent = judging || drawing || fetching ? "" : text[`${empty}Hint`];
  hintButton.hidden = judging || Boolean(drawing) || fetching;
}

function drawState() {
  showUnsaved(badge, outbox);
  standing.draw(progress.decided, progress.consistency);
  count.textContent = fill(progress.total ? text.progress : text.votes, progress);
  count.hidden = !progress.total && progress.done + progress.open === 0;
  meter.hidden = !progress.total;
  meter.firstChild.style.width = `${progress.total ? (100 * progress.done) / progress.total : 0}%`;
  root.dataset.pending = outbox.pending.length;
  root.dataset.done = progress.done;
  root.dataset.fetching = fetching;
  root.dataset.complete = progress.complete;
  for (const button of buttons.querySelectorAll("button")) {
    const possible = button.classList.contains("undo") ? history.length > 0 || progress.last : deck[0]?.ready;
    button.disabled = progress.complete || !possible;
  }
}

function say(sentence) {
  said.textContent = sentence;
}

function setStrong(on) {
  strong = on;
  strongButton.setAttribute("aria-pressed", on);
}

/** The board alone on the whole screen, or back in the page. */
function setLarge() {
  const on = root.classList.toggle("large");
  tools.querySelector(".large").setAttribute("aria-pressed", on);
  stage.fit();
}

// --- the deck ------------------------------------------------------------------------------------------------------

async function refill() {
  if (root.hidden && !judging) return;
  const enough = deck.length >= REFILL_BELOW && !(behind && outbox.pending.length === 0);
  if (fetching || progress.complete || enough || (judging && !props.value)) return;
  root.dataset.fetching = fetching = true;
  const mine = generation;
  const sent = outbox.pending.length === 0 ? outbox.sent : -1;
  const have = [...deck.map((pair) => pair.id), ...outbox.pending.map((op) => op.pair).filter(Boolean), ...left_out];
  const again = remembered(ASK_AGAIN) !== "off";
  const mode = !judging && voteMode() === "swiss" ? "swiss" : "pairs";
  const reply = await ask("deck", { run: props.value || "", n: Math.max(1, DECK - deck.length), have, again, mode });
  fetching = false;
  if (mine !== generation) return refill();
  if (!reply) {
    setTimeout(refill, 1500);
  } else if (!reply.ok) {
    say(reply.error);
  } else {
    behind = sent !== outbox.sent; // a vote crossed this answer, whose numbers may be those from before it
    if (!behind) progress = { ...progress, done: reply.done, open: reply.open, decided: reply.decided ?? 0 };
    progress.consistency = reply.consistency;
    if (!behind && history.length === 0) progress.last = reply.last;
    progress.total = reply.total ?? 0;
    if (reply.complete) finish();
    const known = new Set([...deck.map((pair) => pair.id), ...outbox.pending.map((op) => op.pair)]);
    for (const pair of reply.pairs) if (!known.has(pair.id)) deck.push(load(pair));
    if (behind && outbox.pending.length === 0) refill();
  }
  draw();
}

function load(pair) {
  return loadImages(pair, [text.left, text.right], {
    ready: () => { if (deck[0] === pair) draw(); },
    gone: leaveOut,
  });
}

function leaveOut(pair) {
  left_out.add(pair.id);
  deck = deck.filter((other) => other !== pair);
  say(text.gone);
  draw();
  refill();
}

// --- choosing ------------------------------------------------------------------------------------------------------

function choose(choice, muchBetter = false) {
  const pair = deck[0];
  if (!pair?.ready || progress.complete || !given.choices.includes(choice)) return;
  deck.shift();
  const vote = crypto.randomUUID();
  const ms = Math.round(performance.now() - shownAt);
  const side = ["left", "right"].includes(choice);
  const strength = side && (muchBetter || strong) ? 2 : 1;
  history.push({ uuid: vote, pair, side });
  standing.chosen();
  standing.goOn();
  tally(pair, side, 1);
  setStrong(false);
  stage.lookAway();
  say(strength === 2 ? text.choseStrongly[choice] : text.chose[choice]);
  const again = pair.repeat_of ? { swapped: pair.swapped, repeat_of: pair.repeat_of } : {};
  const about = { run: props.value || "", uuid: vote, pair: pair.id, images: pair.images };
  outbox.send({ kind: "vote", ...about, choice, ms, strength, ...again });
  draw();
  refill();
}

/** The numbers as they will be once the studio has heard of it; a pair that was asked again is counted already. */
function tally(pair, side, by) {
  if (pair.repeat_of) return;
  progress.done += by;
  progress.open -= by;
  if (!side) return;
  progress.decided += by;
  if (!judging) standing.crossed(progress.decided - by, progress.decided);
}

function undo() {
  if (progress.complete) return;
  const taken = history.pop() ?? (outbox.pending.length === 0 ? progress.last : null);
  if (!taken) return say(text.undoFirst);
  progress.last = null;
  tally(taken.pair, taken.side, -1);
  deck = deck.filter((pair) => pair.id !== taken.pair.id);
  deck.unshift(taken.pair.elements ? taken.pair : load(taken.pair));
  say(text.undone);
  stage.lookAway();
  outbox.send({ kind: "undo", run: props.value || "", uuid: crypto.randomUUID(), vote: taken.uuid });
  draw();
}

// --- saving --------------------------------------------------------------------------------------------------------

const outbox = makeOutbox(given.board, {
  state: drawState,
  said: say,
  idle: refill,
  saved: (op, reply) => {
    if (op.kind === "undo" && history.length === 0) progress.last = reply.last ?? null;
    if (reply.consistency) progress.consistency = reply.consistency;
    if (reply.complete && op.run === props.value) finish();
  },
});

function finish() {
  if (progress.complete) return;
  progress.complete = true;
  deck = [];
  draw();
  trigger("complete");
}

// --- events --------------------------------------------------------------------------------------------------------

function onKey(event) {
  const name = meantKey(event, KEYS);
  const leaves = name === "back" && (stage.looking() || root.classList.contains("large"));
  const known = ["undo", "large", ...LOOKS].includes(name) || given.choices.includes(name) || leaves;
  if (!known) return;
  event.preventDefault();
  if (event.repeat) return;
  if (leaves) back();
  else if (name === "undo") undo();
  else if (name === "large") setLarge();
  else if (LOOKS.includes(name)) stage.toggleLook(name);
  else choose(name, event.shiftKey);
}

function onKeyUp(event) {
  if (LOOKS.includes(KEYS[event.key.toLowerCase()])) stage.released();
}

function back() {
  if (stage.looking()) stage.lookAway();
  else setLarge();
}

function onStatus(event) {
  job = event.detail.job;
  if (!visible()) return void (inSight = false);
  if (shownPair) bringIntoSight();
  if (deck.length < REFILL_BELOW && (deck.length === 0 || event.detail.counts.open > deck.length)) refill();
  else drawHint();
}

function reset() {
  generation += 1;
  deck = [];
  history = [];
  left_out = new Set();
  progress = noProgress();
  say("");
  draw();
  refill();
}

listen(document, "keydown", onKey);
listen(document, "keyup", onKeyUp);
listen(window, "sdpo:status", onStatus);
watch("value", reset);
if (!judging) listen(window, "sdpo:mode", ({ detail }) => { reset(); say(detail?.said ?? ""); });
setInterval(() => { if (outbox.pending.length || !badge.hidden) drawState(); }, 250);
draw();
outbox.flush().then(refill);
