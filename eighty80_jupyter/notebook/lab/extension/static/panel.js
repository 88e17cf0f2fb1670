// The panel in the side bar: the same as in an output, of the notebook that is in front.

const COMMAND = "eighty80-jupyter:open-panel";
const CODE = '__import__("eighty80_jupyter").chat.panel()';

export default async function make(use) {
  const { INotebookTracker } = await use("@jupyterlab/notebook");
  const { ICommandPalette } = await use("@jupyterlab/apputils");
  const { OutputAreaModel, SimplifiedOutputArea } = await use("@jupyterlab/outputarea");
  const { LabIcon } = await use("@jupyterlab/ui-components");
  const { Panel } = await use("@lumino/widgets");
  const icon = new LabIcon({ name: "eighty80-jupyter:chat", svgstr: ICON });

  class SideBar extends Panel {
    constructor(tracker) {
      super();
      this.id = "eighty80-jupyter-panel";
      this.title.icon = icon;
      this.title.caption = "Chat";
      this.node.style.cssText = "overflow: auto; padding: 4px; background: var(--jp-layout-color1)";
      this.tracker = tracker;
      this.areas = new Map(); // notebook -> its panel
      tracker.currentChanged.connect(() => this.isVisible && this.choose());
    }

    onAfterShow() {
      this.open();
    }

    // Show the panel of the notebook in front, where it has one.
    choose() {
      const area = this.areas.get(this.tracker.currentWidget);
      for (const each of this.areas.values()) each.setHidden(each !== area);
      return area;
    }

    open() {
      const notebook = this.tracker.currentWidget;
      const context = notebook?.sessionContext;
      const kernel = context?.session?.kernel;
      if (!kernel || this.choose()) return;
      const area = new SimplifiedOutputArea({
        model: new OutputAreaModel({ trusted: true }),
        rendermime: notebook.content.rendermime,
      });
      const end = () => { this.areas.delete(notebook); area.dispose(); };
      this.areas.set(notebook, area);
      this.addWidget(area);
      notebook.disposed.connect(end);
      const again = (_, status) => {
        if (!/restarting|terminating|dead/.test(status)) return;
        context.statusChanged.disconnect(again);
        end();
      };
      context.statusChanged.connect(again);
      area.future = kernel.requestExecute({ code: CODE, store_history: false, allow_stdin: false });
    }
  }

  return {
    id: "eighty80-jupyter:panel",
    description: "Shows the chat panel in the side bar.",
    autoStart: true,
    requires: [INotebookTracker],
    optional: [ICommandPalette],
    activate: (app, tracker, palette) => {
      const bar = new SideBar(tracker);
      app.shell.add(bar, "right", { rank: 900 });
      app.commands.addCommand(COMMAND, {
        label: "Open the Chat Panel in the Side Bar",
        icon,
        isEnabled: () => tracker.currentWidget !== null,
        execute: () => {
          app.shell.activateById(bar.id);
          bar.open();
        },
      });
      palette?.addItem({ command: COMMAND, category: "Notebook Operations" });
    },
  };
}

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
<path class="jp-icon3 jp-icon-selectable" fill="#616161" d="M3 4h18v13H9l-5 4v-4H3z"/></svg>`;
