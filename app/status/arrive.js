// The page is built out of sight and shown once, when it stands: the right tab, the bar's first answer, and those of the
// widgets in sight. Otherwise all of it would jump while they come in. Styles: 10-page.css.

const CALM_MS = 100; // an answer may bring the next question
const ARRIVE_WITHIN_MS = 5000; // a slow drive must not keep the page away
const LOOK_EVERY_MS = 25;

/**
 * Show the page as soon as it stands.
 * @param {() => boolean} answered   whether the bar had its first answer
 * @param {() => void} shown   is called just before
 */
export function arrive(answered, shown) {
  if (document.documentElement.dataset.shown) return;
  const from = performance.now();
  let calm = from;
  const look = () => {
    const now = performance.now();
    const built = window.sdpoTabsReady && window.sdpoPageReady && document.fonts.status === "loaded";
    if (!answered() || !built || window.sdpoUnderWay) calm = now;
    if (now - calm < CALM_MS && now - from < ARRIVE_WITHIN_MS) {
      setTimeout(look, LOOK_EVERY_MS);
      return;
    }
    shown();
    document.documentElement.dataset.shown = String(Math.round(now));
  };
  look();
}
