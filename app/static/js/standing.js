// How far, how fast and how steadily a person votes: said beside the board, never in the way.

const PAUSE_MS = 60_000; // who was away for longer was not voting
const PACE_OF = 20; // choices that the pace is taken from
const PACE_FROM = 5;
const STEADY_FROM = 3;

function makeStanding() {
  const pace = make("span", { class: "board-pace", hidden: true });
  const steady = make("span", { class: "board-steady", title: text.steadyHint, hidden: true });
  const line = make("span", { class: "board-line", hidden: true });
  const facts = make("p", { class: "board-facts" }, line, pace, steady);
  const sentence = make("p");
  const finish = make("div", { class: "board-finish", role: "status", hidden: true }, sentence, make("div", {},
    make("button", { type: "button", class: "sdpo-button", text: text.finishTrain, onclick: () => openTab("train") }),
    make("button", { type: "button", class: "sdpo-button quiet", text: text.finishOn, onclick: goOn })));
  const more = make("p", { class: "board-more", hidden: true });
  const gaps = [];
  let last = 0;

  /** A choice was made just now. */
  function chosen() {
    const now = performance.now();
    if (last && now - last < PAUSE_MS) gaps.push(now - last);
    if (gaps.length > PACE_OF) gaps.shift();
    last = now;
    const perMinute = (60_000 * gaps.length) / gaps.reduce((sum, gap) => sum + gap, 0);
    pace.hidden = gaps.length < PACE_FROM;
    pace.textContent = pace.hidden ? "" : fill(text.pace, { n: Math.max(1, Math.round(perMinute)) });
  }

  /** The numbers of the studio: votes for a side, and how often the same was chosen again. */
  function draw(decided, consistency) {
    const asked = consistency?.asked ?? 0;
    steady.hidden = asked < STEADY_FROM;
    steady.textContent = steady.hidden ? "" : fill(text.steady, consistency);
    const next = given.finish_lines.find((votes) => votes > decided);
    line.hidden = !next || decided === 0;
    line.textContent = next ? fill(text.finishLine, { n: next - decided, line: next }) : "";
    more.textContent = text.moreVotes.findLast(([from]) => from <= decided)?.[1] ?? "";
    more.hidden = decided === 0;
  }

  /** The finish line is told when it is crossed, and only then. */
  function crossed(before, decided) {
    const reached = given.finish_lines.find((votes) => before < votes && votes <= decided);
    if (!reached) return;
    sentence.textContent = fill(text.finished, { n: reached });
    finish.hidden = false;
  }

  function goOn() {
    finish.hidden = true;
  }

  return { facts, finish, more, chosen, draw, crossed, goOn };
}
