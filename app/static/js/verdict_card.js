// The verdict of a blind test: a sentence, and the share with its interval on a bar from 0 to 100 %.

function draw() {
  const verdict = props.value ? JSON.parse(props.value) : null;
  root.hidden = !verdict;
  root.dataset.ready = Boolean(verdict);
  if (!verdict) return root.replaceChildren();
  const bar = make("div", { class: "verdict-bar", role: "img", "aria-label": `${text.scale}: ${verdict.interval}` },
    make("span", { class: "verdict-middle" }), make("span", { class: "verdict-range" }), make("span", { class: "verdict-point" }));
  const [, range, point] = bar.children;
  range.style.left = `${100 * verdict.low}%`;
  range.style.width = `${100 * (verdict.high - verdict.low)}%`;
  point.style.left = `${100 * verdict.win_rate}%`;
  root.replaceChildren(
    make("h3", { text: text.title }),
    make("p", { class: "verdict-sentence", text: verdict.sentence }),
    bar,
    make("div", { class: "verdict-scale", "aria-hidden": "true" },
      make("span", { text: text.base }), make("span", { text: text.even }), make("span", { text: text.adapter })),
    make("p", { class: "verdict-counts", text: `${verdict.counts} · ${verdict.interval}` }));
}

watch("value", draw);
draw();
