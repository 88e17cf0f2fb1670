// A command, and a shortcut where it is free: the current cell becomes a prompt, and code again.

import { head, table } from "./line.js";

const command = "eighty80-jupyter:toggle-prompt";
const keys = ["Accel Shift Y"];

export default async function make(use) {
	const { INotebookTracker } = await use("@jupyterlab/notebook");
	const { ICommandPalette } = await use("@jupyterlab/apputils");
	return {
		requires: [INotebookTracker],
		optional: [ICommandPalette],
		activate: ({ commands, restored }, tracker, palette) => {
			const model = () => tracker.activeCell?.model;
			commands.addCommand(command, {
				label: "Turn Cell Into a Chat Prompt or Back",
				isEnabled: () => model()?.type === "code",
				execute: () => {
					const { sharedModel } = model(), lines = sharedModel.getSource().split(/^/m);
					const number = head(lines, table().cell);
					const start = lines.slice(0, Math.max(number - 1, 0)).join("").length;
					sharedModel.updateSource(start, start + (lines[number - 1]?.length ?? 0), number ? "" : "%%chat\n");
				},
			});
			palette?.addItem({ command, category: "Notebook Cell Operations" });
			restored.then(() => {
				const same = ({ keys: [key, more] }) => !more && key.replace(/Ctrl|Cmd/, "Accel") === keys[0];
				if (!commands.keyBindings.some(same)) commands.addKeyBinding({ command, keys, selector: ".jp-Notebook" });
			});
		},
	};
}
