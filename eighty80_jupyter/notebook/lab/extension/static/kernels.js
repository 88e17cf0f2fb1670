// What the page knows of kernels: the comm that %load_ext opened in one, and the code that comes over
// it. Others are only asked which comms they have: once, and again after a cell that loads an extension.

import { table } from "./line.js";

const TARGET = "eighty80_jupyter.prompts";

class Kernel {
	table = table();

	// `more` is what its own code is given of the page; that gives `check` and `describe`.
	constructor(more) {
		Object.assign(this, { ...more, more });
	}

	open() {
		if (this.comm?.isDisposed) this.forget(); // the kernel was restarted
		return this.ready ??= this.find().catch(() => {}).then(this.renew);
	}

	forget() {
		this.ready = this.comm = this.page = null;
	}

	async find() {
		const { content: { comms } } = await this.connection.requestCommInfo({ target_name: TARGET });
		const [id] = Object.keys(comms ?? {});
		if (!id || id === this.comm?.commId) return;
		const comm = this.comm = this.connection.createComm(TARGET, id);
		comm.onClose = () => this.forget();
		const future = comm.send({ ask: "table" });
		let answer;
		future.onIOPub = ({ content: { data } }) => { answer ??= data; };
		await future.done;
		this.table = table(answer);
		const url = URL.createObjectURL(new Blob([answer.page], { type: "text/javascript" }));
		this.page = (await import(url)).default({ ...this.more, comm, cells: answer.cells });
	}
}

// Watch the notebooks, and return what gives the kernel of the one that an element stands in.
export function kernels(editors, tracker, more) {
	const known = new WeakMap(), none = new Kernel();
	const of = element => {
		const panel = tracker?.find(({ node }) => node.contains(element));
		const connection = panel?.sessionContext.session?.kernel;
		if (!connection) return none;
		const renew = () => editors.forEach(each => panel.node.contains(each.view.dom) && each.renew());
		if (!known.has(connection)) known.set(connection, new Kernel({ ...more, tracker, connection, panel, renew }));
		return known.get(connection);
	};
	tracker?.widgetAdded.connect((_, { node, sessionContext: { ready, iopubMessage } }) => {
		ready.then(() => of(node).open());
		iopubMessage.connect((_, { content, parent_header: { msg_type: asked } }) => {
			if (/load_ext|eighty80_jupyter/.test(content.code)) of(node).ready = null;
			if (content.execution_state === "idle" && asked === "execute_request") of(node).open();
		});
	});
	return of;
}
