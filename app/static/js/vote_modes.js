// The choice between the ways to vote. Each board looks whether it is meant; what is chosen is remembered.

const buttons = text.modes.map(([name, label]) => make("button", {
  type: "button", "data-mode": name, text: label, onclick: () => choose(name),
}));
const intro = make("p", { class: "page-intro" });
root.replaceChildren(make("div", { class: "modes-bar", role: "group", "aria-label": text.label }, ...buttons), intro);

function choose(name) {
  if (name === voteMode()) return;
  remember("sdpo.mode", name);
  window.dispatchEvent(new CustomEvent("sdpo:mode"));
}

function draw() {
  if (!text.modes.some(([name]) => name === voteMode())) remember("sdpo.mode", "pairs");
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.mode === voteMode());
  intro.textContent = text.modes.find(([name]) => name === voteMode())[2];
}

listen(window, "sdpo:mode", draw); // another widget may choose, too
root.addEventListener("mousedown", (event) => event.preventDefault()); // the keys stay with the board
draw();
