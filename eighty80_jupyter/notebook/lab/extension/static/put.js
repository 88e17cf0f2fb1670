// The code that --fix has corrected: in place of the cell that failed, or in a new one.

const shown = "[data-e80]{display:inline-block!important}[data-e80]~span{display:none}";

// Return whether it is done: nothing where there is no such cell, false where it has been edited.
export function put({ content }, { cell, before, after }, button) {
	const own = before === undefined;
	const at = content.widgets.findIndex(({ node, model }) => own ? node.contains(button) : model.id === cell);
	if (at < 0) return;
	const { sharedModel } = content.widgets[at].model, source = sharedModel.getSource().trimEnd();
	if (own) content.model.sharedModel.insertCell(at + 1, { cell_type: "code", source: after, metadata: { trusted: true } });
	else if (![before, after].includes(source)) return false;
	else if (source !== after) sharedModel.setSource(after);
	if (button) content.activeCellIndex = at + own;
	return true;
}

export default async function make(use) {
	const { INotebookTracker } = await use("@jupyterlab/notebook");
	document.head.append(Object.assign(document.createElement("style"), { textContent: shown }));
	return {
		requires: [INotebookTracker],
		activate: (_, tracker) => document.addEventListener("click", ({ target }) => {
			if (!target.dataset?.e80) return;
			const change = JSON.parse(target.dataset.e80);
			const done = put(tracker.currentWidget, change, target);
			if (change.cell) target.textContent = done ? "Replaced" : `Not replaced: the cell ${done === false ? "has been edited" : "is gone"}`;
		}),
	};
}
