// Prompt cells as prose: the extension of every editor, which wakes up where a prompt is.

import { Kernels } from "./kernels.js";
import { colours, fields, head, options } from "./line.js";

const WAIT = 600; // ms without a key before the kernel is asked
const BROKEN = "Not an expression of Python: it is sent as it stands.";

export default async function make(use) {
	const lab = await use("@jupyterlab/codemirror");
	const { INotebookTracker, NotebookActions } = await use("@jupyterlab/notebook");
	const modules = ["@codemirror/state", "@codemirror/view", "@codemirror/language", "@lezer/highlight"];
	const cm = Object.assign({}, ...await Promise.all(modules.map(use)));
	prose(cm); // throws where something is missing
	if (!cm.highlightTree || !cm.highlightingFor) throw new Error("no highlighter");
	return {
		requires: [lab.IEditorExtensionRegistry, lab.IEditorLanguageRegistry],
		optional: [INotebookTracker],
		activate: (app, extensions, languages, tracker) => {
			const kernels = new Kernels(tracker, NotebookActions?.executionScheduled);
			const { createImmutableExtension: made } = lab.EditorExtensionRegistry;
			const factory = ({ model }) => model?.type === "code" ? made(prose(cm, kernels, model, languages)) : null;
			extensions.addExtension({ name: "eighty80-jupyter:prompts", factory });
		},
	};
}

function prose(cm, kernels, model, languages) {
	const { Compartment, Decoration, EditorState, EditorView, Prec, ViewPlugin } = cm;
	const slot = new Compartment();
	const writing = [
		EditorView.lineWrapping,
		EditorView.contentAttributes.of({ spellcheck: "true", autocorrect: "on" }),
		EditorState.languageData.of(() => [{ closeBrackets: { brackets: [] } }]),
	];

	class Prose {
		constructor(view) {
			this.view = view;
			this.wrong = {}; // what the kernel says of fields, by their source
			this.style = { style: tags => cm.highlightingFor(view.state, tags) };
			this.table = kernels.of(view.dom).table;
			kernels.editors.add(this);
			this.look();
		}

		update({ docChanged, transactions, viewportChanged }) {
			if (docChanged || transactions.some(each => each.reconfigured)) this.look();
			else if (this.marks.size && (viewportChanged || transactions.length)) this.draw();
		}

		destroy() {
			clearTimeout(this.timer);
			kernels.editors.delete(this);
			this.view = null;
		}

		renew() {
			this.table = kernels.of(this.view.dom).table;
			this.look();
			this.view.dispatch({});
		}

		look() {
			const was = this.head;
			this.python = /python/.test(model.mimeType);
			this.head = this.python && head(this.view.state.doc.iterLines(), this.table.cell);
			if (!was !== !this.head) Promise.resolve().then(() => this.change());
			this.draw();
			this.ask();
		}

		// Switch the language; not while the editor updates itself.
		async change() {
			const get = async name => (await languages.getLanguage(name))?.support;
			const [text, python] = await Promise.all([get("ipythongfm"), get("python")]).catch(() => []);
			this.parser = python?.language.parser;
			this.view?.dispatch({ effects: slot.reconfigure(this.head ? [text ? Prec.highest(text) : [], writing] : []) });
		}

		draw() {
			const { state: { doc }, visibleRanges } = this.view;
			const marks = [];
			this.fields = [];
			for (const { from, to } of this.python ? visibleRanges : []) {
				for (let at = from; at <= to; at = doc.lineAt(at).to + 1) {
					const line = doc.lineAt(at), first = line.number === this.head;
					const magic = (!this.head || first) && this.table[first ? "cell" : "line"].exec(line.text.slice(0, 500));
					const add = (from, to, kind) => {
						if (from < to) marks.push(Decoration.mark({ class: kind }).range(line.from + from, line.from + to));
					};
					if (magic) this.drawMagic(line.text, magic, first, add);
					if (magic || this.head && line.number > this.head) this.drawFields(line, add);
				}
			}
			this.marks = Decoration.set(marks, true);
		}

		drawMagic(text, [{ length }, { length: start }], first, add) {
			add(start, text.length, "e80-prose");
			add(start, length, "e80-magic");
			this.raw = false;
			for (const [from, to, kind] of options(text, length, this.table.options, first)) {
				this.raw ||= text.slice(from, to) === "--raw";
				add(from, to, `e80-${kind}`);
			}
		}

		drawFields(line, add) {
			for (const { from, to, source, expression } of this.raw ? [] : fields(line.text)) {
				const spans = this.parser ? colours(expression, this.parser, cm.highlightTree, this.style) : [];
				if (spans === false) continue;
				const wrong = this.wrong[source] ?? (spans ? "" : BROKEN);
				add(from, to, wrong ? "e80-field e80-wrong" : "e80-field");
				for (const [start, end, style] of spans ?? []) add(from + 2 + start, from + 2 + end, style);
				this.fields.push({ source, wrong, from: line.from + from, to: line.from + to });
			}
		}

		// Ask the kernel about the names in the fields, once nobody types and it rests.
		ask() {
			clearTimeout(this.timer);
			if (this.head) this.timer = setTimeout(async () => {
				const text = this.view.state.doc.toString();
				const answer = await kernels.ask(this.view.dom, { ask: "check", text });
				if (answer === null && this.view) this.ask();
				if (!answer?.wrong || this.view?.state.doc.toString() !== text) return;
				this.wrong = answer.wrong;
				this.view.dispatch({});
			}, WAIT);
		}
	}

	const plugin = ViewPlugin.fromClass(Prose, { decorations: each => each.marks });
	const hover = cm.hoverTooltip(async (view, at) => {
		const field = view.plugin(plugin)?.fields.find(({ from, to }) => from <= at && at <= to);
		const question = field && { ask: "describe", text: field.source, cell: view.state.doc.toString() };
		const text = field && (field.wrong || (await kernels.ask(view.dom, question))?.text);
		if (!text) return null;
		const dom = Object.assign(document.createElement("div"), { className: "e80-hover", textContent: text });
		return { pos: field.from, end: field.to, above: true, create: () => ({ dom }) };
	});
	return [Prec.highest(slot.of([])), Prec.highest(plugin), hover, EditorView.baseTheme(THEME)];
}

const THEME = {
	".e80-prose, .e80-field": { color: "var(--jp-content-font-color1)", fontStyle: "normal", fontWeight: "normal" },
	".e80-magic": { color: "var(--jp-mirror-editor-meta-color)", fontWeight: "bold" },
	".e80-option": { color: "var(--jp-mirror-editor-keyword-color)" },
	".e80-value": { color: "var(--jp-mirror-editor-string-color)" },
	".e80-comment": { color: "var(--jp-mirror-editor-comment-color)", fontStyle: "italic" },
	".e80-field": { backgroundColor: "var(--jp-rendermime-table-row-hover-background)", borderRadius: "3px" },
	".e80-unknown, .e80-wrong": { textDecoration: "underline wavy var(--jp-error-color1)" },
	".e80-hover": { padding: "2px 6px", maxWidth: "40em", whiteSpace: "pre-wrap" },
};
