// Elements, the clipboard and the notebook around the panel. What a model wrote gets into the page
// as text only, or as HTML that the kernel has made safe (`setHtml`).

function button(text, title, onclick, more = {}) {
  return make("button", { type: "button", title, "aria-label": title, onclick, ...more }, text);
}

// Puts other children into an element; the focus stays on the button of the same name, or near it.
function replaceParts(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...children);
  if (!focused) return;
  const able = [...element.querySelectorAll("button:not(:disabled)")];
  const same = able.find(({ title }) => title === focused.title);
  (same ?? able[0] ?? element.closest("[tabindex]"))?.focus();
}

// The only place where HTML comes in: `html` is from the kernel's renderer (notebook/markdown).
function setHtml(element, html) {
  element.innerHTML = html;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No permission, or a page that did not come over https: the old way.
    const box = make("textarea", { "aria-hidden": "true", class: "e80-offscreen" });
    const focused = document.activeElement;
    box.value = text;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    focused?.focus?.();
    return done;
  }
}

// JupyterLab and Notebook 7 let a widget reach its notebook; elsewhere this is null.
function sharedNotebook(model) {
  const shared = model.widget_manager?.context?.model?.sharedModel;
  return shared?.insertCell && shared.cells ? shared : null;
}

function panelCell(shared, panelId) {
  return shared.cells.findIndex((cell) =>
    (cell.cell_type === "code" ? cell.getOutputs() : []).some(
      (output) => output.data?.["application/vnd.jupyter.widget-view+json"]?.model_id === panelId,
    ),
  );
}

// Puts code into a new cell below the panel; false where the notebook is out of reach.
function insertCell(model, source) {
  const shared = sharedNotebook(model);
  const index = shared ? panelCell(shared, model.get("panel_id")) : -1;
  if (index < 0) return false;
  const cell = { cell_type: "code", source, metadata: {}, outputs: [], execution_count: null };
  shared.insertCell(index + 1, cell);
  return true;
}

// Whether an output below the panel shows the content with this stamp. After a reload of the page
// the kernel's updates no longer reach the notebook's outputs, and an app has none.
function showsStamp(model, stamp) {
  const shared = sharedNotebook(model);
  const index = shared ? panelCell(shared, model.get("panel_id")) : -1;
  if (index < 0) return document.querySelector(`.${stamp}`) !== null;
  return shared.cells[index].getOutputs().some((output) => htmlOf(output).includes(stamp));
}

// Puts content into the output with this class, or into a new one; false where there is no notebook.
function writeOutput(model, name, { data, metadata }) {
  const shared = sharedNotebook(model);
  const index = shared ? panelCell(shared, model.get("panel_id")) : -1;
  if (index < 0) return false;
  // Through the model of the outputs: changes of the shared one are drawn in the wrong order.
  const outputs = model.widget_manager.context.model.cells.get(index).outputs;
  const output = { output_type: "display_data", data, metadata };
  const place = outputs.toJSON().findIndex((old) => htmlOf(old).includes(` ${name} `));
  if (place < 0) outputs.add(output);
  else outputs.set(place, output);
  return true;
}

// Below the panel stands what its tools print and show. After a reload of the page Jupyter does not
// know any more where the output of that run of the cell belongs, and here it is put there.
const PAGE = (window.e80Page ??= crypto.randomUUID?.() ?? String(Math.random()));

function keepOutputs(model, context) {
  if (!model.get("page")) {
    model.set("page", PAGE);
    model.save_changes();
  }
  const take = (_, { parent_header: parent, header, content }) => {
    const type = header.msg_type;
    const here = model.get("page") !== PAGE && parent.msg_id && parent.msg_id === model.get("run");
    if (!here || !["stream", "display_data"].includes(type) || content.transient?.display_id) return;
    const { transient, ...output } = content;
    const shared = sharedNotebook(model);
    const index = shared ? panelCell(shared, model.get("panel_id")) : -1;
    if (index >= 0) context.model.cells.get(index).outputs.add({ output_type: type, ...output });
  };
  context?.sessionContext?.iopubMessage?.connect(take);
  return () => context?.sessionContext?.iopubMessage?.disconnect(take);
}

function htmlOf(output) {
  const html = output.data?.["text/html"] ?? "";
  return Array.isArray(html) ? html.join("") : html;
}
