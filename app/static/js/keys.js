// Keys of the boards: never while somebody types, and they can be switched off (WCAG 2.1.4), which is remembered.

const TYPING = "input, textarea, select, [contenteditable], dialog, [role=slider], [role=combobox], [role=listbox]," +
  " [role=tab], [role=menu], [role=dialog], [role=textbox]";
const PRESSABLE = "button, a[href], summary"; // Space and Enter are theirs

/** What a key means on this board, or nothing when it is not meant for it. */
function meantKey(event, meanings) {
  const name = meanings[event.key.toLowerCase()];
  const target = event.composedPath()[0];
  if (!name || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return "";
  if ((!keysOn() && event.key !== "Escape") || !visible() || root.hidden) return "";
  if (target instanceof Element && target.closest(TYPING)) return "";
  if ((event.key === " " || event.key === "Enter") && target instanceof Element && target.closest(PRESSABLE)) return "";
  return name;
}

function keysOn() {
  return remembered("sdpo.keys") !== "off";
}

/** The switch for all keys of all boards. */
function keySwitch() {
  const button = rememberedSwitch("sdpo.keys", text.keysSwitch, () => root.classList.toggle("keys-off", !keysOn()));
  button.classList.add("keys");
  return button;
}

/** A switch that is on until it is switched off, in all boards of this browser. */
function rememberedSwitch(key, label, changed = () => {}) {
  const button = make("button", { type: "button", class: "board-button switch", role: "switch", text: label, onclick: () => {
    remember(key, remembered(key) === "off" ? "on" : "off");
    window.dispatchEvent(new CustomEvent(`sdpo:switched:${key}`));
  } });
  const draw = () => {
    button.setAttribute("aria-checked", remembered(key) !== "off");
    changed();
  };
  listen(window, `sdpo:switched:${key}`, draw);
  draw();
  return button;
}

/** The list of keys; folded away until somebody asks. */
function keyHelp(lines, ...more) {
  const rows = lines.flatMap(([keys, meaning]) => [
    make("dt", {}, ...keys.map((key) => make("kbd", { text: key }))), make("dd", { text: meaning }),
  ]);
  return make("details", { class: "board-help" }, make("summary", { text: text.keysTitle }), make("dl", {}, ...rows), ...more);
}

/** A press of the mouse leaves the focus where it is, so that Space goes on to mean what it means on the board. */
function keepFocus(node) {
  node.addEventListener("mousedown", (event) => { if (event.target.closest("button, summary")) event.preventDefault(); });
}
