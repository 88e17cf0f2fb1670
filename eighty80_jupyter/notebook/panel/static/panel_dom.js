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

// The notebook that shows the panel, and the place of the panel's cell in it; null where a widget
// cannot reach its notebook, as it can in JupyterLab and Notebook 7.
function panelCell(model) {
  const shared = model.widget_manager?.context?.model?.sharedModel;
  if (!shared?.insertCell || !shared.cells) return null;
  const index = shared.cells.findIndex((cell) =>
    (cell.cell_type === "code" ? cell.getOutputs() : []).some(
      ({ data }) => data?.["application/vnd.jupyter.widget-view+json"]?.model_id ===
        model.get("panel_id"),
    ),
  );
  return index < 0 ? null : { shared, index };
}

// Through the model of the outputs: changes of the shared one are drawn in the wrong order.
function panelOutputs(model) {
  const place = panelCell(model);
  return place && model.widget_manager.context.model.cells.get(place.index).outputs;
}

// Puts code into a new cell below the panel; false where the notebook is out of reach.
function insertCell(model, source) {
  const place = panelCell(model);
  if (!place) return false;
  const cell = { cell_type: "code", source, metadata: {}, outputs: [], execution_count: null };
  place.shared.insertCell(place.index + 1, cell);
  return true;
}

// Whether an output below the panel shows the content with this stamp. After a reload of the page
// the kernel's updates no longer reach the notebook's outputs, and an app has none.
function showsStamp(model, stamp) {
  const place = panelCell(model);
  if (!place) return document.querySelector(`.${stamp}`) !== null;
  const outputs = place.shared.cells[place.index].getOutputs();
  return outputs.some((output) => htmlOf(output).includes(stamp));
}

// Puts content into the output with this class, or into a new one; false where there is no notebook.
function writeOutput(model, name, { data, metadata }) {
  const outputs = panelOutputs(model);
  if (!outputs) return false;
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
    panelOutputs(model)?.add({ output_type: type, ...output });
  };
  context?.sessionContext?.iopubMessage?.connect(take);
  return () => context?.sessionContext?.iopubMessage?.disconnect(take);
}

function htmlOf(output) {
  const html = output.data?.["text/html"] ?? "";
  return Array.isArray(html) ? html.join("") : html;
}
