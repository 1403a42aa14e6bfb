// The last lines of a run's log, read only while somebody looks.

const lines = make("pre", { class: "log-lines", tabindex: 0, "aria-label": text.label });
root.replaceChildren(lines);

async function refresh() {
  if (!props.value || !visible()) return;
  const reply = await ask("log", { run: props.value });
  const now = reply?.ok ? reply.log || text.empty : "";
  if (!reply?.ok || now === lines.textContent) return;
  const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
  lines.textContent = now;
  if (atEnd) lines.scrollTop = lines.scrollHeight;
}

listen(window, "sdpo:status", refresh);
watch("value", refresh);
refresh();
