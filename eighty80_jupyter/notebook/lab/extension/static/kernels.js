// What a kernel says, over the comm that %load_ext opened there. No other kernel is sent anything
// but the question which comms it has: once, and again after a cell that loads an extension.

const TARGET = "eighty80_jupyter.prompts";
const PATIENCE = 5000; // ms

export class Kernels {
  constructor(tracker) {
    this.tracker = tracker;
    this.editors = new Set();
    this.known = new WeakMap(); // kernel -> { comm, table, waiting }
    tracker?.widgetAdded.connect((_, panel) => {
      panel.sessionContext.iopubMessage.connect((_, message) => this.heard(panel, message));
      panel.sessionContext.statusChanged.connect((context, status) => {
        if (/restarting/.test(status) && context.session?.kernel) this.known.delete(context.session.kernel);
      });
    });
  }

  kernel(node) {
    return this.tracker?.find(panel => panel.node.contains(node))?.sessionContext.session?.kernel;
  }

  table(node) {
    return this.known.get(this.kernel(node))?.table;
  }

  heard(panel, { header, content, parent_header: parent }) {
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel) return;
    if (header.msg_type === "execute_input" && /load_ext|eighty80_jupyter/.test(content.code)) {
      if (!this.known.get(kernel)?.comm) this.known.delete(kernel);
    }
    if (header.msg_type !== "status" || content.execution_state !== "idle") return;
    if (parent.msg_type === "execute_request") this.renew(panel);
  }

  renew(panel, table) {
    for (const editor of this.editors) {
      if (panel.node.contains(editor.view.dom)) editor.renew(table);
    }
  }

  // The answer to a question, or null: no such kernel, one that works, or one that says nothing.
  async ask(node, question) {
    const kernel = this.kernel(node);
    if (kernel?.status !== "idle") return null;
    try {
      const found = await this.find(kernel, node);
      return found.comm ? await this.send(found, question) : null;
    } catch {
      return null;
    }
  }

  async find(kernel, node) {
    if (this.known.has(kernel)) return this.known.get(kernel);
    const found = { waiting: new Map() };
    this.known.set(kernel, found);
    const { content } = await kernel.requestCommInfo({ target_name: TARGET });
    const [id] = Object.keys(content.comms ?? {});
    if (!id) return found;
    found.comm = kernel.hasComm?.(id) ? null : kernel.createComm(TARGET, id);
    found.comm.onMsg = ({ content: { data } }) => {
      found.waiting.get(data.id)?.(data);
      found.waiting.delete(data.id);
    };
    found.comm.onClose = () => this.known.delete(kernel);
    found.table = await this.send(found, { ask: "table" });
    const panel = this.tracker.find(panel => panel.node.contains(node));
    if (found.table && panel) this.renew(panel, found.table);
    return found;
  }

  send(found, question) {
    const id = crypto.getRandomValues(new Uint32Array(2)).join("-");
    return new Promise(resolve => {
      found.waiting.set(id, resolve);
      setTimeout(() => { found.waiting.delete(id); resolve(null); }, PATIENCE);
      found.comm.send({ ...question, id });
    });
  }
}
