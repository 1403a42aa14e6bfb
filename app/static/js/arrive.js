// The page is built out of sight and shown once, when it stands: the right tab, the bar's first answer, and those of the
// widgets in sight. Otherwise all of it would jump while they come in. Styles: 10-page.css.

const CALM_MS = 100; // an answer may bring the next question
const ARRIVE_WITHIN_MS = 5000; // a slow drive must not keep the page away

function arrive() {
  const from = performance.now();
  let calm = from;
  const look = () => {
    const now = performance.now();
    const built = root.dataset.answered && window.sdpoTabsReady && window.sdpoPageReady && document.fonts.status === "loaded";
    if (!built || window.sdpoUnderWay) calm = now;
    if (now - calm < CALM_MS && now - from < ARRIVE_WITHIN_MS) return setTimeout(look, 25);
    if (snapshot) draw(); // the next step depends on the page that is open
    document.documentElement.dataset.shown = Math.round(now);
  };
  look();
}

if (!document.documentElement.dataset.shown) arrive();
