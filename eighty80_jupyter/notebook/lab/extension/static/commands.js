// A command, and a shortcut where it is free: the current cell becomes a prompt, and code again.

import { head, patterns } from "./line.js";

const COMMAND = "eighty80-jupyter:toggle-prompt";
const KEYS = ["Accel Shift Y"];

export default async function make(use) {
  const { INotebookTracker } = await use("@jupyterlab/notebook");
  const { ICommandPalette } = await use("@jupyterlab/apputils");
  const { cell: pattern } = patterns(["chat"]);
  return {
    id: "eighty80-jupyter:commands",
    description: "Turns cells into prompts and back.",
    autoStart: true,
    requires: [INotebookTracker],
    optional: [ICommandPalette],
    activate: (app, tracker, palette) => {
      const cell = () => tracker.activeCell?.model.type === "code" ? tracker.activeCell : null;
      app.commands.addCommand(COMMAND, {
        label: "Turn Cell Into a Chat Prompt or Back",
        isEnabled: () => cell() !== null,
        execute: () => {
          const shared = cell()?.model.sharedModel;
          if (!shared) return;
          const lines = shared.getSource().split("\n");
          const doc = { lines: lines.length, line: number => ({ text: lines[number - 1] }) };
          const number = head(doc, pattern);
          const start = lines.slice(0, number - 1).join("\n").length + (number > 1);
          if (number) shared.updateSource(start, start + lines[number - 1].length + (number < lines.length), "");
          else shared.updateSource(0, 0, "%%chat\n");
        },
      });
      palette?.addItem({ command: COMMAND, category: "Notebook Cell Operations" });
      app.restored.then(() => {
        const taken = app.commands.keyBindings.some(({ keys }) => keys.length === 1 && same(keys[0]));
        if (!taken) app.commands.addKeyBinding({ command: COMMAND, keys: KEYS, selector: ".jp-Notebook" });
      });
    },
  };
}

const same = keys => keys.replace(/Accel|Ctrl|Cmd/, "Accel") === KEYS[0];
