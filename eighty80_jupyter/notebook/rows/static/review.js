// A review: one row at a time, labelled with the keys 1 to 9. All of it is text.

const EDGE = "1px solid var(--jp-border-color2, #bdbdbd)";
const QUIET = "color: var(--jp-ui-font-color2, #757575); font-size: 85%";

function render({ model, el }) {
  const say = (what) => model.send({ at: model.get("state").at, ...what });
  const onkeydown = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { labels } = model.get("state");
    const number = Number(event.key) - 1;
    if (number >= 0 && number < labels.length) say({ do: "label", number });
    else if (event.key === "ArrowLeft" || event.key === "Backspace") say({ do: "back" });
    else if (event.key === "ArrowRight" || event.key === " ") say({ do: "skip" });
    else if (event.key === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
  };
  const draw = () => {
    const { row, labels, chosen, at, total, given } = model.get("state");
    const focused = el.contains(document.activeElement);
    const cells = row.map(([name, text]) => make("div", { style: "margin: 0 0 4px 0" },
      ...(name ? [make("div", { style: QUIET }, name)] : []),
      make("div", { style: "white-space: pre-wrap; overflow-wrap: anywhere" }, text)));
    const buttons = labels.map((label, number) => make("button", {
      type: "button", class: "jupyter-button", style: "margin: 0 6px 6px 0",
      "aria-pressed": String(label === chosen), disabled: at >= total,
      onclick: () => say({ do: "label", number }) },
      `${number + 1}  ${label}${label === chosen ? " ✓" : ""}`));
    const box = make("div", { role: "group", tabindex: "0", onkeydown,
      "data-lm-suppress-shortcuts": "true",
      "aria-label": "Review: 1 to 9 label the row, left goes back, right goes on",
      style: `border: ${EDGE}; border-radius: 6px; padding: 8px 12px; max-width: 60em` },
      make("div", { style: QUIET, role: "status" },
        at < total ? `${at + 1} of ${total} · ${given} labelled`
          : `All ${total} rows were shown · ${given} labelled`),
      make("div", { style: "max-height: 40vh; overflow: auto; margin: 6px 0; min-height: 3em" },
        ...cells),
      make("div", {}, ...buttons,
        make("button", { type: "button", class: "jupyter-button", style: "margin: 0 6px 6px 0",
          title: "Left arrow", disabled: at === 0, onclick: () => say({ do: "back" }) }, "← Back"),
        make("button", { type: "button", class: "jupyter-button", title: "Right arrow",
          disabled: at >= total, onclick: () => say({ do: "skip" }) }, "Skip →")),
      make("div", { style: QUIET }, `Keys: 1 to ${labels.length}, left, right`));
    el.replaceChildren(box);
    if (focused) box.focus();
  };
  model.on("change:state", draw);
  draw();
  return () => model.off("change:state", draw);
}

export default { render };
