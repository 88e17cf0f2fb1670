// What the page does for a kernel with the extension, besides showing what prompts are made of. The
// kernel sends it to the page that has found it (extension/static/kernels.js): both are of one version
// then, and pages without such a kernel load nothing of it.

const COMMAND = "eighty80-jupyter:open-panel";
const CODE = '__import__("eighty80_jupyter").chat.panel()';
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
	<path class="jp-icon3 jp-icon-selectable" fill="#616161" d="M3 4h18v13H9l-5 4v-4H3z"/></svg>`;
const LONGEST = 4000; // characters of an output
const WAIT = 600; // ms without a key before the kernel is asked
// Buttons are there where there is a page that does what they say, in the place of a text.
const BUTTONS = "button[data-e80]{display:inline-block!important}button[data-e80]~span{display:none}";

// `panel` is the notebook of the kernel and `editors` those of all cells that are code; `renew` has
// them looked at again, `use` loads shared modules. `cells` says that every prompt wants the notebook
// along. What is returned is called by prompts.js.
export default ({ app, tracker, panel, connection, editors, use, renew, comm, cells }) => {
	extras(app, tracker, panel, use).catch(quiet);
	context(panel, use, comm, cells).catch(quiet);
	comm.onMsg = ({ content: { data } }) => {
		const done = data.put && put(panel, data.put);
		if (done !== undefined) comm.send({ ask: "put", done });
	};
	comm.send({ ask: "ready" }); // what was sent before went past the page
	panel.sessionContext.iopubMessage.connect((_, { content, parent_header: { msg_type: asked } }) => {
		const ended = content.execution_state === "idle" && asked === "execute_request";
		if (ended && !comm.isDisposed) renew();
	});

	// The answer to a question; null while the kernel works, and once it is another one.
	async function ask(question) {
		if (connection.status !== "idle" || comm.isDisposed) return null;
		const future = comm.send(question);
		let answer;
		future.onIOPub = ({ content: { data } }) => { answer ??= data; };
		await future.done;
		return answer;
	}

	// Ask about the names in the fields of an editor, once nobody types and the kernel rests.
	function check(editor) {
		clearTimeout(editor.timer);
		if (editors.has(editor) && !comm.isDisposed) editor.timer = setTimeout(async () => {
			const { view } = editor, { doc } = view.state;
			const answer = await ask({ ask: "check", text: `${doc}` });
			if (answer === null) check(editor);
			if (!answer || doc !== view.state.doc) return;
			editor.wrong = answer.wrong;
			view.dispatch({});
		}, WAIT);
	}

	const describe = async (text, cell) => (await ask({ ask: "describe", text, cell }))?.text;
	return { check, describe };
};

function quiet(error) {
	console.debug("eighty80-jupyter: not here", error);
}

// What can be switched off by itself, by the names that JupyterLab has for parts of an extension.
async function extras(app, tracker, panel, use) {
	const { PageConfig } = await use("@jupyterlab/coreutils");
	const on = part => !PageConfig.Extension.isDisabled(`eighty80-jupyter:${part}`);
	if (on("put")) buttons(panel);
	if (on("panel") && !app.commands.hasCommand(COMMAND)) await sideBar(app, tracker, use);
}

// The panel in the side bar: the same as in an output, of the notebook in front.
async function sideBar(app, tracker, use) {
	const names = ["apputils", "outputarea", "ui-components"].map(name => `@jupyterlab/${name}`);
	const { ICommandPalette, LabIcon, OutputAreaModel, Panel, SimplifiedOutputArea } =
		await use(...names, "@lumino/widgets");
	const { commands, shell } = app;
	const icon = new LabIcon({ name: COMMAND, svgstr: ICON });
	const bar = new Panel(), areas = new WeakMap(); // notebook -> its panel

	function open(notebook, { session: { kernel }, statusChanged }) {
		const model = new OutputAreaModel({ trusted: true });
		const area = new SimplifiedOutputArea({ model, rendermime: notebook.content.rendermime });
		notebook.disposed.connect(() => area.dispose());
		statusChanged.connect((_, status) => /restarting|terminating|dead/.test(status) && area.dispose());
		area.future = kernel.requestExecute({ code: CODE, store_history: false, allow_stdin: false });
		areas.set(notebook, area);
		bar.addWidget(area);
	}

	function show(make) {
		const notebook = tracker.currentWidget, context = notebook?.sessionContext;
		const there = areas.get(notebook)?.isDisposed === false;
		if (make && context?.session?.kernel && !there) open(notebook, context);
		for (const each of bar.widgets) each.setHidden(each !== areas.get(notebook));
	}

	bar.id = "eighty80-jupyter-panel";
	Object.assign(bar.title, { icon, caption: "Chat" });
	bar.node.style.cssText = "overflow: auto; padding: 4px; background: var(--jp-layout-color1)";
	bar.onAfterShow = () => show(true);
	tracker.currentChanged.connect(() => show());
	shell.add(bar, "right", { rank: 900 });
	commands.addCommand(COMMAND, {
		label: "Open the Chat Panel in the Side Bar",
		icon,
		isEnabled: () => Boolean(tracker.currentWidget),
		execute: () => {
			shell.activateById(bar.id);
			show(true);
		},
	});
	const palette = await app.resolveOptionalService(ICommandPalette);
	palette?.addItem({ command: COMMAND, category: "Notebook Operations" });
}

// Tell how the notebook stands, when a cell of it is sent to run that may want to know.
async function context(panel, use, comm, always) {
	const { NotebookActions } = await use("@jupyterlab/notebook");
	NotebookActions.executionScheduled.connect((_, { notebook, cell: { model: here } }) => {
		if (notebook !== panel.content || comm.isDisposed) return;
		if (!/chat|cells/.test(here.sharedModel.getSource())) return;
		const models = notebook.widgets.map(({ model }) => model);
		const sources = models.map(({ sharedModel }) => sharedModel.getSource());
		if (!always && !sources.some(source => /\bcells\b/.test(source))) return;
		const cells = models.map((model, n) => ({
			id: model.id,
			source: sources[n],
			markdown: model.type === "markdown",
			number: model.executionCount,
			output: text(model.outputs),
		}));
		comm.send({ ask: "page", here: here.id, cells });
	});
}

function text(outputs) {
	let found = "";
	for (let n = 0; n < outputs?.length; n++) {
		const { type, data } = outputs.get(n);
		if (type === "stream") found += outputs.get(n).toJSON().text;
		if (type === "display_data") found += `${data["text/plain"] ?? ""}\n`;
	}
	return found.slice(0, LONGEST);
}

// Put the code that --fix has corrected in place of the cell that failed, or into a new one below the
// button. Return whether it is done: nothing where there is no such cell, false where it has been edited.
function put({ content }, { cell, before, after }, button) {
	const own = before === undefined;
	const at = content.widgets.findIndex(({ node, model }) => own ? node.contains(button) : model.id === cell);
	if (at < 0) return undefined;
	const { sharedModel } = content.widgets[at].model, source = sharedModel.getSource().trimEnd();
	if (own) {
		const made = { cell_type: "code", source: after, metadata: { trusted: true } };
		content.model.sharedModel.insertCell(at + 1, made);
	} else if (![before, after].includes(source)) return false;
	else if (source !== after) sharedModel.setSource(after);
	if (button) content.activeCellIndex = at + own;
	return true;
}

// Let the buttons of corrections do so, once in a notebook: kernels come and go.
function buttons(panel) {
	if (panel.node.dataset.e80Buttons) return;
	panel.node.dataset.e80Buttons = "on";
	panel.node.append(Object.assign(document.createElement("style"), { textContent: BUTTONS }));
	panel.node.addEventListener("click", ({ target }) => {
		if (!target.dataset?.e80) return;
		const change = JSON.parse(target.dataset.e80), done = put(panel, change, target);
		const why = `Not replaced: the cell ${done === false ? "has been edited" : "is gone"}`;
		if (change.cell) target.textContent = done ? "Replaced" : why;
	});
}
