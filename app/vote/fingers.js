// Fingers on an image: to the right takes this one, to the left the other; a long press flickers. Of a double click only
// the first counts.

/** @import { Choose, Stage } from "./stage.js" */
/** @import { Side } from "./deck.js" */

const SWIPE_PX = 60;
const STILL_PX = 10;
const LONG_PRESS_MS = 350;
const SECOND_CLICK_MS = 350; // nobody has seen a new image, and chosen, within that

/**
 * Whether a click is the second of a double click, and would choose what nobody has seen yet. Keys are meant.
 * @param {MouseEvent} event
 * @param {number} since   when what can be clicked last changed, by `performance.now()`
 */
export function isSecondClick(event, since) {
  return event.detail > 0 && performance.now() - since < SECOND_CLICK_MS;
}

/**
 * @param {HTMLButtonElement} button
 * @param {Side} side
 * @param {Stage} stage
 * @param {Choose} choose
 */
export function onFingers(button, side, stage, choose) {
  /** @type {{x: number, y: number} | null} */
  let from = null;
  let handled = false;
  let press = 0;

  const settle = () => {
    clearTimeout(press);
    from = null;
    button.style.transform = "";
    if (stage.looking === "flicker" && handled) stage.lookAway();
  };
  button.addEventListener("pointerdown", (event) => {
    handled = false;
    if (event.pointerType === "mouse") return;
    from = { x: event.clientX, y: event.clientY };
    press = setTimeout(() => {
      handled = true;
      stage.look("flicker");
    }, LONG_PRESS_MS);
  });
  button.addEventListener("pointermove", (event) => {
    if (!from || handled) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (Math.hypot(dx, dy) > STILL_PX) clearTimeout(press);
    if (Math.abs(dx) > Math.abs(dy)) button.style.transform = `translateX(${dx}px) rotate(${dx / 60}deg)`;
  });
  button.addEventListener("pointerup", (event) => {
    const [dx, dy] = from ? [event.clientX - from.x, event.clientY - from.y] : [0, 0];
    const swiped = !handled && Math.abs(dx) > SWIPE_PX && Math.abs(dx) > 1.5 * Math.abs(dy);
    const moved = Math.hypot(dx, dy) > STILL_PX;
    settle();
    handled ||= moved;
    if (swiped) choose(dx > 0 ? side : side === "left" ? "right" : "left", event);
  });
  button.addEventListener("pointercancel", settle);
  button.addEventListener("contextmenu", (event) => {
    if (from || handled) event.preventDefault();
  });
  button.addEventListener("click", (event) => {
    if (handled)
      handled = false; // a finger's click after its swipe
    else choose(side, event);
  });
}
