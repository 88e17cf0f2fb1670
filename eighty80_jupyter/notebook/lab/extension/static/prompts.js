// Prompt cells as prose: the extension of every editor, which wakes up where a prompt is.

import { kernels } from "./kernels.js";
import { fields, options } from "./line.js";

const BROKEN = "Not an expression of Python: it is sent as it stands.";
const editors = new Set();

export default async use => {
	const modules = ["state", "view", "language"].map(name => `@codemirror/${name}`);
	const cm = await use("@jupyterlab/codemirror", "@jupyterlab/notebook", "@lezer/highlight", ...modules);
	prose(cm); // throws where something is missing
	return {
		requires: [cm.IEditorExtensionRegistry, cm.IEditorLanguageRegistry],
		optional: [cm.INotebookTracker],
		activate(app, extensions, languages, tracker) {
			const of = kernels(editors, tracker, { app, editors, use });
			const made = model => ({ instance: () => prose(cm, of, model, languages), reconfigure: () => null });
			const factory = ({ model }) => model?.type === "code" ? made(model) : null;
			extensions.addExtension({ name: "eighty80-jupyter:prompts", factory });
		},
	};
};

function prose(cm, of, model, languages) {
	const { Decoration, EditorState, EditorView, Prec } = cm;
	const highlight = cm.highlightTree.bind(), highlighting = cm.highlightingFor.bind();
	const slot = new cm.Compartment();
	const writing = [
		EditorView.lineWrapping,
		EditorView.contentAttributes.of({ spellcheck: "true", autocorrect: "on" }),
		EditorState.languageData.of(() => [{ closeBrackets: { brackets: [] } }]),
	];

	class Prose {
		wrong = {}; // what the kernel says of fields, by their source

		constructor(view) {
			this.view = view;
			editors.add(this);
			this.look();
		}

		update({ docChanged, transactions, viewportChanged }) {
			if (docChanged || transactions.some(each => each.reconfigured)) this.look();
			else if (viewportChanged || this.marks.size) this.draw();
		}

		destroy() {
			editors.delete(this);
		}

		renew() {
			if (!this.marks.size && this.table === of(this.view.dom).table) return;
			this.look();
			this.view.dispatch({});
		}

		look() {
			const { view: { dom, state }, head: was = -1 } = this;
			this.kernel = of(dom);
			this.table = /python/.test(model.mimeType) && this.kernel.table;
			const found = this.table && this.table.cell.exec(state.sliceDoc(0, 5000));
			this.head = found ? found[1].length : -1; // where the line with %%chat begins
			if (was < 0 !== this.head < 0) queueMicrotask(() => this.change());
			this.draw();
			if (this.head >= 0) this.kernel.page?.check(this); // a %chat line may name what its cell sets
		}

		// Switch the language; not while the editor updates itself.
		async change() {
			const get = async name => (await languages.getLanguage(name))?.support;
			const [text = [], python] = await Promise.all([get("ipythongfm"), get("python")]).catch(() => []);
			this.parser = python?.language.parser;
			this.view.dispatch({ effects: slot.reconfigure(this.head < 0 ? [] : [Prec.highest(text), writing]) });
		}

		draw() {
			const { view: { state: { doc }, visibleRanges } } = this;
			this.fields = [];
			this.spans = [];
			for (const { from, to } of this.table ? visibleRanges : []) {
				for (let at = from; at <= to; at = doc.lineAt(at).to + 1) this.drawLine(doc.lineAt(at));
			}
			this.marks = Decoration.set(this.spans, true);
		}

		drawLine({ text, from: at }) {
			const { head, table: { line, known } } = this, first = at === head;
			const magic = first ? /^(\s*)\S+/.exec(text) : head < 0 && line.exec(text);
			const add = (from, to, kind) => {
				if (from < to) this.spans.push(Decoration.mark({ class: kind }).range(at + from, at + to));
			};
			if (magic) {
				const [{ length: end }, { length: start }] = magic, found = [...options(text, end, known, first)];
				add(end, text.length, "e80-prose");
				for (const [from, to, kind] of [[start, end, "magic"], ...found]) add(from, to, `e80-${kind}`);
				const has = option => found.some(([from, to]) => text.slice(from, to) === option);
				Object.assign(this, { raw: has("--raw"), rows: has("--rows") });
			}
			if (at < head) add(0, text.length, "e80-prose e80-comment");
			if (this.raw || !magic && (head < 0 || at < head)) return;
			for (const { source, expression, from, to } of fields(text)) {
				const tree = this.parser?.parse(expression.trim()), shape = `${tree}`;
				const fits = !tree || /^Script\(Exp[^⚠]+$/.test(shape); // "⚠" stands for an error
				if (tree && fits && !/VariableName/.test(shape)) continue; // it names nothing: text
				const wrong = this.wrong[source] ?? (fits || this.rows ? "" : BROKEN); // a column may have any name
				add(from, to, wrong ? "e80-field e80-wrong" : "e80-field");
				this.fields.push({ source, wrong, from: at + from, to: at + to });
				const start = from + 2 + expression.search(/\S|$/);
				const style = tags => highlighting(this.view.state, tags);
				if (tree) highlight(tree, { style }, (from, to, kind) => add(start + from, start + to, kind));
			}
		}
	}

	const plugin = cm.ViewPlugin.fromClass(Prose, { decorations: each => each.marks });
	const hover = cm.hoverTooltip(async (view, at) => {
		const { fields, kernel: { page } } = view.plugin(plugin);
		const field = fields.find(({ from, to }) => from <= at && at <= to);
		const textContent = field && (field.wrong || await page?.describe(field.source, `${view.state.doc}`));
		const dom = Object.assign(document.createElement("div"), { className: "e80-hover", textContent });
		return textContent ? { pos: field.from, end: field.to, above: true, create: () => ({ dom }) } : null;
	});
	return [Prec.highest([slot.of([]), plugin]), hover, EditorView.baseTheme(THEME)];
}

const colour = (name, more) => ({ color: `var(--jp-mirror-editor-${name}-color)`, ...more });
const THEME = {
	".e80-prose, .e80-field": { color: "var(--jp-content-font-color1)", fontStyle: "normal", fontWeight: "normal" },
	".e80-magic": colour("meta", { fontWeight: "bold" }),
	".e80-option": colour("keyword"),
	".e80-value": colour("string"),
	".e80-comment": colour("comment", { fontStyle: "italic" }),
	".e80-field": { backgroundColor: "var(--jp-rendermime-table-row-hover-background)", borderRadius: "3px" },
	"span:has(> .e80-field)": { textDecoration: "none" }, // Markdown's links
	".e80-unknown, .e80-wrong": { textDecoration: "underline wavy var(--jp-error-color1)" },
	".e80-hover": { padding: "2px 6px", maxWidth: "40em", whiteSpace: "pre-wrap" },
};
