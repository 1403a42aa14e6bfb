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
  const button = make("button", { type: "button", class: "board-button keys", role: "switch", onclick: () => {
    remember("sdpo.keys", keysOn() ? "off" : "on");
    window.dispatchEvent(new CustomEvent("sdpo:keys"));
  } }, text.keysSwitch);
  const draw = () => {
    button.setAttribute("aria-checked", keysOn());
    root.classList.toggle("keys-off", !keysOn());
  };
  listen(window, "sdpo:keys", draw);
  draw();
  return button;
}

/** The list of keys; folded away until somebody asks. */
function keyHelp(lines) {
  const rows = lines.flatMap(([keys, meaning]) => [
    make("dt", {}, ...keys.map((key) => make("kbd", { text: key }))), make("dd", { text: meaning }),
  ]);
  return make("details", { class: "board-help" }, make("summary", { text: text.keysTitle }), make("dl", {}, ...rows));
}

/** A press of the mouse leaves the focus where it is, so that Space goes on to mean what it means on the board. */
function keepFocus(node) {
  node.addEventListener("mousedown", (event) => { if (event.target.closest("button, summary")) event.preventDefault(); });
}
