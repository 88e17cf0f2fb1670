// The panel in the side bar: the same as in an output, of the notebook that is in front.

const command = "eighty80-jupyter:open-panel";
const code = '__import__("eighty80_jupyter").chat.panel()';
const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
	<path class="jp-icon3 jp-icon-selectable" fill="#616161" d="M3 4h18v13H9l-5 4v-4H3z"/></svg>`;

export default async function make(use) {
	const { INotebookTracker } = await use("@jupyterlab/notebook");
	const { ICommandPalette } = await use("@jupyterlab/apputils");
	const { OutputAreaModel, SimplifiedOutputArea } = await use("@jupyterlab/outputarea");
	const { LabIcon } = await use("@jupyterlab/ui-components");
	const { Panel } = await use("@lumino/widgets");
	const icon = new LabIcon({ name: "eighty80-jupyter:chat", svgstr });
	return {
		requires: [INotebookTracker],
		optional: [ICommandPalette],
		activate: ({ commands, shell }, tracker, palette) => {
			const bar = new Panel(), areas = new Map(); // notebook -> its panel

			function open(notebook, { session: { kernel }, statusChanged }) {
				const model = new OutputAreaModel({ trusted: true });
				const area = new SimplifiedOutputArea({ model, rendermime: notebook.content.rendermime });
				const end = () => {
					if (areas.get(notebook) === area) areas.delete(notebook);
					area.dispose();
				};
				areas.set(notebook, area);
				bar.addWidget(area);
				notebook.disposed.connect(end);
				statusChanged.connect((_, status) => /restarting|terminating|dead/.test(status) && end());
				area.future = kernel.requestExecute({ code, store_history: false, allow_stdin: false });
			}

			function show(make) {
				const notebook = tracker.currentWidget, context = notebook?.sessionContext;
				if (make && context?.session?.kernel && !areas.has(notebook)) open(notebook, context);
				for (const [each, area] of areas) area.setHidden(each !== notebook);
			}

			bar.id = "eighty80-jupyter-panel";
			Object.assign(bar.title, { icon, caption: "Chat" });
			bar.node.style.cssText = "overflow: auto; padding: 4px; background: var(--jp-layout-color1)";
			bar.onAfterShow = () => show(true);
			tracker.currentChanged.connect(() => bar.isVisible && show());
			shell.add(bar, "right", { rank: 900 });
			commands.addCommand(command, {
				label: "Open the Chat Panel in the Side Bar",
				icon,
				isEnabled: () => Boolean(tracker.currentWidget),
				execute: () => {
					shell.activateById(bar.id);
					show(true);
				},
			});
			palette?.addItem({ command, category: "Notebook Operations" });
		},
	};
}
