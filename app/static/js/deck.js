// Images of what waits in a deck, loaded before it is shown.

/**
 * Load the images of an item that names them in `images`; they stand in its `elements`, with the texts `alts`.
 * Then `on.ready(item)`, or `on.gone(item)` when one is gone or damaged. It waits while the studio does not answer.
 */
function loadImages(item, alts, on) {
  item.elements = item.images.map((sha256, i) =>
    Object.assign(new Image(), { alt: alts[i] ?? "", draggable: false, src: `/sdpo/image/${sha256}` }));
  const loaded = Promise.all(item.elements.map((image) => image.decode()));
  (window.sdpoFirstImages ??= during(loaded).catch(() => {})); // the first are waited for, the others come behind them
  loaded.then(
    () => { item.ready = true; on.ready(item); },
    () => lookWhy(item, alts, on),
  );
  return item;
}

async function lookWhy(item, alts, on) {
  const answers = await Promise.all(item.images.map((sha256) => fetch(`/sdpo/image/${sha256}`).catch(() => null)));
  if (answers.includes(null)) setTimeout(() => loadImages(item, alts, on), 1500);
  else on.gone(item);
}
