// A question in a running cell: may this tool be called with these arguments? All of it is text.

const CODE = "font-family: var(--jp-code-font-family, monospace); font-size: 0.92em; ";
const EDGE = "1px solid var(--jp-border-color2, #bdbdbd)";

const REPEAT = 400;  // milliseconds until a message that the kernel has not reacted to goes again

function render({ model, el }) {
  let timer = 0;
  const send = (message) => {
    clearTimeout(timer);
    model.send(message);
    timer = setTimeout(send, REPEAT, message);
  };
  const say = (what) => {
    for (const button of el.querySelectorAll("button")) button.disabled = true;
    const box = el.querySelector("textarea");
    const edited = !box.hasAttribute("readonly") && what === "yes";
    const id = Math.random().toString(36).slice(2);
    send({ id, do: edited ? "edit" : what, detail: box.value });
  };
  const draw = () => {
    clearTimeout(timer);
    const { text, arguments: given, detail, cut, always, note, wrong, heard } =
      model.get("question");
    const box = make("textarea", { rows: "6", readonly: !wrong, hidden: !wrong, spellcheck: "false",
      "aria-label": "Arguments", style: `${CODE} width: 100%; box-sizing: border-box` });
    box.value = detail;
    const list = make("div", { hidden: Boolean(wrong), style: CODE + "overflow-wrap: anywhere; " +
      "white-space: pre-wrap; max-height: 30vh; overflow: auto" });
    for (const [name, value] of given) {
      list.append(make("div", {}, name ? `${name} = ${value}` : value));
    }
    const show = (editing) => {
      list.hidden = true;
      box.hidden = false;
      if (editing) box.removeAttribute("readonly");
      box.focus();
    };
    const button = (name, title, onclick) => make("button", { type: "button", title, onclick,
      disabled: !heard, class: "jupyter-button", style: "margin: 0 6px 0 0" }, name);
    const buttons = [
      button("Yes", "Yes, this once", () => say("yes")),
      button("No", "No", () => say("no")),
    ];
    if (always) buttons.push(
      button("Always", "Yes, and do not ask again for this tool", () => say("always")));
    buttons.push(button("Edit arguments", "Edit the arguments, then say yes", () => show(true)));
    if (cut) buttons.push(button("Show all", "Show the arguments whole", () => show(false)));
    el.replaceChildren(make("div", { role: "group", "aria-label": text,
      "data-lm-suppress-shortcuts": "true",
      onkeydown: (event) => event.stopPropagation(),
      style: `border: ${EDGE}; border-left-width: 3px; border-radius: 6px; padding: 8px 12px` },
      make("div", { style: "font-weight: 600; overflow-wrap: anywhere" }, text),
      make("div", { role: "alert", style: "color: var(--jp-error-color1, #b00020)" }, wrong ?? ""),
      make("div", { hidden: !note, style: "white-space: pre-wrap; overflow-wrap: anywhere; " +
        "max-height: 30vh; overflow: auto; margin: 4px 0" }, note ?? ""),
      list, box, make("div", { style: "margin-top: 6px" }, ...buttons)));
    if (wrong) box.focus();
  };
  model.on("change:question", draw);
  draw();
  if (!model.get("question").heard) say("shown");
  return () => {
    clearTimeout(timer);
    model.off("change:question", draw);
  };
}

export default { render };
