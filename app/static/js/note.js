// A sentence, shown as text.

function draw() {
  const note = props.value ? JSON.parse(props.value) : { sentence: "" };
  root.hidden = !note.sentence;
  root.dataset.kind = note.kind ?? "plain";
  root.setAttribute("role", note.kind === "bad" ? "alert" : "status");
  root.replaceChildren(make("p", { text: note.sentence }),
    ...(note.details ? [make("pre", { class: "log-lines", tabindex: 0, text: note.details })] : []));
}

watch("value", draw);
draw();
