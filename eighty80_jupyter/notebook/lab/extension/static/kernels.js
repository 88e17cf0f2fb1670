// What a kernel says over the comm that %load_ext opened there, and what the page tells it. Others
// are only asked which comms they have: once, and again after a cell that loads an extension.

import { table } from "./line.js";
import { put } from "./put.js";

const TARGET = "eighty80_jupyter.prompts";
const PATIENCE = 30000; // ms
const DEFAULT = table();

export class Kernels {
	editors = new Set();
	known = new WeakMap();

	constructor(tracker, scheduled) {
		this.tracker = tracker;
		tracker?.widgetAdded.connect((_, { node, sessionContext }) =>
			sessionContext.iopubMessage.connect((_, { content, parent_header: { msg_type: asked } }) => {
				const found = this.of(node);
				if (/load_ext|eighty80_jupyter/.test(content.code)) found.ready = null;
				if (content.execution_state !== "idle" || asked !== "execute_request") return;
				if (found.ready === null) this.ready(found);
				this.renew(node);
			}));
		scheduled?.connect((_, { notebook, cell }) => this.tell(notebook, cell.model));
	}

	// What is known of the kernel of the page that an element stands on.
	of(node) {
		const panel = this.tracker?.find(panel => panel.node.contains(node));
		const kernel = panel?.sessionContext.session?.kernel;
		const found = this.known.get(kernel) ?? { kernel, panel, waiting: {}, table: DEFAULT };
		if (kernel) this.known.set(kernel, found);
		return found;
	}

	renew(node) {
		for (const each of this.editors) if (node.contains(each.view.dom)) each.renew();
	}

	// The answer to a question; null while the kernel works, nothing where it has no comm of ours.
	async ask(node, question) {
		const found = this.of(node);
		if (found.kernel?.status !== "idle") return found.comm ? null : undefined;
		await this.ready(found);
		return this.send(found, question);
	}

	ready(found) {
		return found.ready ??= this.open(found).catch(() => { found.ready = null; });
	}

	async open(found) {
		const { content } = await found.kernel.requestCommInfo({ target_name: TARGET });
		const [id] = Object.keys(content.comms ?? {});
		if (id !== found.comm?.commId) found.comm = id && found.kernel.createComm(TARGET, id);
		if (!id) return;
		found.comm.onMsg = ({ content: { data } }) => {
			if (!data.put) return found.waiting[data.id]?.(data);
			const done = put(found.panel, data.put);
			if (done !== undefined) found.comm.send({ ask: "put", done });
		};
		found.comm.onClose = () => { found.ready = found.comm = null; };
		const answer = await this.send(found, { ask: "table" });
		if (answer) Object.assign(found, { table: table(answer), cells: answer.cells });
		this.renew(found.panel.node);
	}

	async send({ comm, waiting }, question) {
		const id = `${Math.random()}`;
		const answer = comm && await new Promise(resolve => {
			waiting[id] = resolve;
			setTimeout(resolve, PATIENCE);
			comm.send({ ...question, id });
		});
		delete waiting[id];
		return answer;
	}

	// Tell how the page stands, when a cell is sent to run that may want to know.
	tell({ node, widgets }, here) {
		const { comm, cells: always } = this.of(node);
		if (!comm || !/chat|cells/.test(here.sharedModel.getSource())) return;
		const cells = widgets.map(({ model }) => ({
			id: model.id,
			source: model.sharedModel.getSource(),
			markdown: model.type === "markdown",
			number: model.executionCount,
			output: text(model.outputs),
		}));
		if (always || cells.some(({ source }) => /\bcells\b/.test(source))) comm.send({ ask: "page", here: here.id, cells });
	}
}

function text(outputs) {
	let found = "";
	for (let n = 0; n < outputs?.length; n++) {
		const { type, data } = outputs.get(n);
		if (type === "stream") found += outputs.get(n).toJSON().text;
		if (type === "display_data") found += `${data["text/plain"] ?? ""}\n`;
	}
	return found.slice(0, 4000);
}
