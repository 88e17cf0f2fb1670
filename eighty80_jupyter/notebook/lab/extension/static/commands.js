// A command, and a shortcut where it is free: the current cell becomes a prompt, and code again.

import { table } from "./line.js";

const command = "eighty80-jupyter:toggle-prompt", keys = ["Accel Shift Y"];

export default async use => {
	const { INotebookTracker, ICommandPalette } = await use("@jupyterlab/notebook", "@jupyterlab/apputils");
	return { requires: [INotebookTracker], optional: [ICommandPalette], activate };
};

function activate({ commands, restored }, tracker, palette) {
	const model = () => tracker.activeCell?.model;
	commands.addCommand(command, {
		label: "Turn Cell Into a Chat Prompt or Back",
		isEnabled: () => model()?.type === "code",
		execute: () => {
			const { sharedModel } = model(), text = sharedModel.getSource();
			const [prompt, above = ""] = table().cell.exec(text) ?? [];
			const start = above.length, line = prompt ? /.*\n?/.exec(text.slice(start))[0] : "";
			sharedModel.updateSource(start, start + line.length, prompt ? "" : "%%chat\n");
		},
	});
	palette?.addItem({ command, category: "Notebook Cell Operations" });
	restored.then(() => {
		const same = ({ keys: [key, more] }) => !more && key.replace(/Ctrl|Cmd/, "Accel") === keys[0];
		if (!commands.keyBindings.some(same)) commands.addKeyBinding({ command, keys, selector: ".jp-Notebook" });
	});
}
