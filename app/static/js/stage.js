// The two images: as large as the screen allows, chosen by click or swipe, compared at full size or by flickering.

const SWIPE_PX = 60;
const LONG_PRESS_MS = 350;
const HELD_MS = 250; // a key pressed for less stays pressed until the next press
const FLICKER_MS = 600; // calmer than three changes a second (WCAG 2.3.1)
const PHONE_PX = 700;
const PHONE_CHROME_PX = 128; // prompt and buttons; what is above them is scrolled away

/** `choose(side, event)` is called for a click or swipe. */
function makeStage(choose) {
  const sides = Object.fromEntries(["left", "right"].map((side) => [side, make("button", {
    class: `board-image ${side}`,
    type: "button",
    "aria-label": text[`${side}Label`],
    "aria-keyshortcuts": side === "left" ? "ArrowLeft A" : "ArrowRight D",
  })]));
  const node = make("div", { class: "board-stage", role: "group", "aria-label": text.label }, sides.left, sides.right);
  const overlay = make("div", { class: "board-look", hidden: true });
  let images = [];
  let ratio = 1;
  let fitted = "";
  let looking = "";
  let lookedAt = 0;
  let timer = 0;

  function show(elements) {
    images = elements;
    ratio = Math.max(...elements.map((image) => image.naturalWidth / image.naturalHeight || 1));
    Object.values(sides).forEach((button, i) => {
      button.replaceChildren(elements[i], make("kbd", { text: i === 0 ? "←" : "→", "aria-hidden": "true" }));
    });
    fit();
  }

  function clear() {
    images = [];
    lookAway();
    for (const side of Object.values(sides)) side.replaceChildren();
  }

  // --- size: beside each other or one above the other, whichever makes the images larger ------------------------------

  function fit() {
    const wide = root.clientWidth;
    if (!wide) return;
    const large = root.classList.contains("large");
    const key = [wide, innerHeight, ratio, large, node.offsetTop].join();
    if (key === fitted) return;
    fitted = key;
    const others = [".board-top", ".board-buttons", ".board-buttons.tools"].map((name) => root.querySelector(name));
    const bars = others.reduce((sum, bar) => sum + bar.offsetHeight, 60);
    const above = large ? 20 : Math.max(0, root.getBoundingClientRect().top + scrollY);
    const chrome = wide < PHONE_PX && !large ? PHONE_CHROME_PX : bars + above;
    const tall = Math.max(wide < PHONE_PX ? 320 : 240, innerHeight - chrome);
    const beside = Math.min((wide - 16) / 2, tall * ratio);
    const stacked = Math.min(wide, ((tall - 10) / 2) * ratio);
    const side = Math.floor(Math.max(beside, stacked));
    node.classList.toggle("stacked", stacked > beside);
    root.style.setProperty("--image-w", `${side}px`);
    root.style.setProperty("--image-h", `${Math.floor(side / ratio)}px`);
  }

  // --- looking closer -------------------------------------------------------------------------------------------------

  /** "peek": both at full size, moved together. "flicker": one in the other's place, in turn. */
  function look(kind) {
    if (images.length < 2) return;
    lookAway();
    looking = kind;
    lookedAt = performance.now();
    const copies = images.map((image) => image.cloneNode());
    const panes = copies.map((copy, i) => make("div", { class: "look-pane" }, copy,
      make("span", { class: "look-name", text: i === 0 ? text.left : text.right })));
    overlay.replaceChildren(...panes, make("p", { class: "look-hint", text: text[`${kind}Hint`] }));
    overlay.dataset.kind = kind;
    overlay.hidden = false;
    root.dataset.looking = kind;
    if (kind === "peek") pan(copies, 0.5, 0.5);
    else alternate(panes);
  }

  function lookAway() {
    clearInterval(timer);
    looking = "";
    overlay.hidden = true;
    overlay.replaceChildren();
    root.dataset.looking = "";
  }

  function pan(copies, across, down) {
    for (const copy of copies) {
      const { clientWidth: wide, clientHeight: tall } = copy.parentElement;
      const scale = Math.max(1, Math.min(wide / copy.naturalWidth, tall / copy.naturalHeight));
      const [w, h] = [copy.naturalWidth * scale, copy.naturalHeight * scale];
      const x = w > wide ? (wide - w) * across : (wide - w) / 2;
      const y = h > tall ? (tall - h) * down : (tall - h) / 2;
      Object.assign(copy.style, { width: `${w}px`, height: `${h}px`, transform: `translate(${x}px, ${y}px)` });
    }
  }

  function alternate(panes) {
    let turn = 0;
    const draw = () => panes.forEach((pane, i) => pane.classList.toggle("away", i !== turn % 2));
    draw();
    timer = setInterval(() => { turn += 1; draw(); }, FLICKER_MS);
  }

  overlay.addEventListener("pointermove", (event) => {
    if (looking !== "peek") return;
    const pane = overlay.firstChild.getBoundingClientRect();
    const copies = [...overlay.querySelectorAll("img")];
    const across = ((event.clientX - pane.left) % (pane.width + 2)) / pane.width;
    const stacked = copies.length === 2 && copies[1].parentElement.offsetTop > 0;
    const down = stacked ? ((event.clientY - pane.top) % (pane.height + 2)) / pane.height : event.clientY / innerHeight;
    pan(copies, Math.min(1, Math.max(0, across)), Math.min(1, Math.max(0, down)));
  });
  overlay.addEventListener("click", lookAway);

  function toggleLook(kind) {
    if (looking === kind) lookAway();
    else look(kind);
  }

  /** A key that is held looks for as long; one that is tapped, until the next tap. */
  function released() {
    if (looking && performance.now() - lookedAt > HELD_MS) lookAway();
  }

  // --- fingers: to the right takes this image, to the left the other; a long press flickers ----------------------------

  for (const [side, button] of Object.entries(sides)) {
    let from = null;
    let handled = false;
    let press = 0;
    const settle = () => {
      clearTimeout(press);
      from = null;
      button.style.transform = "";
      if (looking === "flicker" && handled) lookAway();
    };
    button.addEventListener("pointerdown", (event) => {
      handled = false;
      if (event.pointerType === "mouse") return;
      from = [event.clientX, event.clientY];
      press = setTimeout(() => { handled = true; look("flicker"); }, LONG_PRESS_MS);
    });
    button.addEventListener("pointermove", (event) => {
      if (!from || handled) return;
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      if (Math.hypot(dx, dy) > 10) clearTimeout(press);
      if (Math.abs(dx) > Math.abs(dy)) button.style.transform = `translateX(${dx}px) rotate(${dx / 60}deg)`;
    });
    button.addEventListener("pointerup", (event) => {
      const [dx, dy] = from ? [event.clientX - from[0], event.clientY - from[1]] : [0, 0];
      const swiped = !handled && Math.abs(dx) > SWIPE_PX && Math.abs(dx) > 1.5 * Math.abs(dy);
      const moved = Math.hypot(dx, dy) > 10;
      settle();
      handled ||= moved;
      if (swiped) choose(dx > 0 ? side : side === "left" ? "right" : "left", event);
    });
    button.addEventListener("pointercancel", settle);
    button.addEventListener("contextmenu", (event) => { if (from || handled) event.preventDefault(); });
    button.addEventListener("click", (event) => {
      if (handled) handled = false; // a finger's click after its swipe
      else choose(side, event);
    });
  }

  new ResizeObserver(fit).observe(root);
  listen(window, "resize", fit);
  listen(window, "blur", released);
  return { node, overlay, sides, show, clear, fit, toggleLook, lookAway, released, looking: () => looking };
}
