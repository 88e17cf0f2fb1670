// Prompt cells as prose: the extension of every editor, which wakes up where a prompt is.

import TABLE from "./table.js";
import { colours, fields } from "./fields.js";
import { byName, head, options, patterns } from "./line.js";
import { Kernels } from "./kernels.js";

const WAIT = 600; // ms without a key before the kernel is asked
const BROKEN = "Not an expression of Python: it is sent as it stands.";
const mark = kind => `e80-${kind}`;

export default async function make(use) {
  const { IEditorExtensionRegistry, IEditorLanguageRegistry, EditorExtensionRegistry } =
    await use("@jupyterlab/codemirror");
  const { INotebookTracker } = await use("@jupyterlab/notebook");
  const modules = await Promise.all(
    ["@codemirror/state", "@codemirror/view", "@codemirror/language", "@lezer/highlight"].map(use));
  const cm = Object.assign({}, ...modules);
  for (const name of ["Compartment", "Prec", "ViewPlugin", "highlightingFor", "highlightTree", "hoverTooltip"]) {
    if (!cm[name]) throw new Error(`no ${name}`);
  }
  return {
    id: "eighty80-jupyter:prompts",
    description: "Shows %%chat cells as prose.",
    autoStart: true,
    requires: [IEditorExtensionRegistry, IEditorLanguageRegistry],
    optional: [INotebookTracker],
    activate: (app, extensions, languages, tracker) => {
      const kernels = new Kernels(tracker);
      extensions.addExtension({
        name: "eighty80-jupyter:prompts",
        factory: ({ model }) => model?.type === "code"
          ? EditorExtensionRegistry.createImmutableExtension(prose(cm, languages, kernels, model))
          : null,
      });
    },
  };
}

function prose(cm, languages, kernels, model) {
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
      this.marks = Decoration.none;
      this.wrong = {}; // what the kernel says of fields, by their source
      this.known = new Map(); // the colours of expressions
      this.setTable(kernels.table(view.dom));
      kernels.editors.add(this);
      this.look();
    }

    setTable(table) {
      this.options = byName(table?.options ?? TABLE);
      this.patterns = patterns(table?.names ?? ["chat"]);
    }

    update(update) {
      if (update.docChanged || update.transactions.some(each => each.reconfigured)) this.look();
      else if (this.head || this.lines) {
        if (update.viewportChanged || update.transactions.length) this.draw();
      }
    }

    destroy() {
      clearTimeout(this.timer);
      kernels.editors.delete(this);
      this.view = null;
    }

    look() {
      const { doc } = this.view.state;
      const ours = /python/.test(model.mimeType);
      const was = Boolean(this.head);
      this.head = ours ? head(doc, this.patterns.cell) : 0;
      if (was !== Boolean(this.head)) Promise.resolve().then(() => this.change());
      this.draw(ours);
      this.ask();
    }

    // Switch the language; not while the editor updates itself.
    async change() {
      const [text, python] = await Promise.all(
        ["ipythongfm", "python"].map(name => languages.getLanguage(name)?.catch?.(() => null)));
      this.python = python?.support?.language.parser;
      const support = this.head && text?.support ? [Prec.highest(text.support)] : [];
      this.view?.dispatch({ effects: slot.reconfigure(this.head ? [support, writing] : []) });
    }

    draw(ours = true) {
      const { view } = this;
      const found = [];
      const add = (line, from, to, kind) => {
        if (to > from) found.push(Decoration.mark({ class: kind }).range(line.from + from, line.from + to));
      };
      this.fields = [];
      this.lines = false;
      for (const { from, to } of ours ? view.visibleRanges : []) {
        for (let at = from; at <= to;) {
          const line = view.state.doc.lineAt(at);
          at = line.to + 1;
          const first = line.number === this.head;
          const magic = !this.head || first
            ? this.patterns[first ? "cell" : "line"].exec(line.text.slice(0, 500)) : null;
          if (magic) this.drawMagic(line, magic, first, add);
          if (magic || line.number > this.head && this.head) this.drawFields(line, add);
        }
      }
      this.marks = Decoration.set(found, true);
    }

    drawMagic(line, magic, first, add) {
      this.lines ||= !first;
      const start = magic[1].length, end = magic[0].length;
      add(line, start, line.length, mark("prose"));
      add(line, start, end, mark("magic"));
      const spans = options(line.text, end, this.options, first);
      this.raw = spans.some(([from, to]) => line.text.slice(from, to) === "--raw");
      for (const [from, to, kind] of spans) add(line, from, to, mark(kind));
    }

    drawFields(line, add) {
      if (this.raw) return;
      for (const field of fields(line.text)) {
        const [from, to] = field.expression;
        const spans = this.colours(line.text.slice(from, to));
        if (spans === false) continue;
        field.wrong = this.wrong[field.source] ?? (spans ? "" : BROKEN);
        add(line, field.from, field.to, mark("field") + (field.wrong ? " " + mark("wrong") : ""));
        for (const [start, end, style] of spans ?? []) add(line, from + start, from + end, style);
        this.fields.push({ ...field, from: line.from + field.from, to: line.from + field.to });
      }
    }

    colours(text) {
      if (!this.python) return [[0, text.length, ""]];
      if (!this.known.has(text)) {
        if (this.known.size > 200) this.known.clear();
        const style = { style: tags => cm.highlightingFor(this.view.state, tags) };
        this.known.set(text, colours(text, this.python, cm.highlightTree, style));
      }
      return this.known.get(text);
    }

    // Ask the kernel about the names in the fields, once nobody types and it rests.
    ask() {
      clearTimeout(this.timer);
      if (!this.head || !this.fields.length) return;
      this.timer = setTimeout(async () => {
        const text = this.view?.state.doc.toString();
        const answer = text && await kernels.ask(this.view.dom, { ask: "check", text });
        if (!answer?.wrong || this.view?.state.doc.toString() !== text) return;
        this.wrong = answer.wrong;
        this.view.dispatch({});
      }, WAIT);
    }

    renew(table) {
      if (table) this.setTable(table);
      if (table) this.look();
      else this.ask();
    }
  }

  const plugin = ViewPlugin.fromClass(Prose, { decorations: each => each.marks });
  const hover = cm.hoverTooltip(async (view, at) => {
    const field = view.plugin(plugin)?.fields.find(({ from, to }) => from <= at && at <= to);
    if (!field) return null;
    const text = field.wrong ||
      (await kernels.ask(view.dom, { ask: "describe", text: field.source }))?.text;
    if (!text) return null;
    const create = () => {
      const dom = document.createElement("div");
      dom.className = mark("hover");
      dom.textContent = text;
      return { dom };
    };
    return { pos: field.from, end: field.to, above: true, create };
  });
  return [Prec.highest(slot.of([])), Prec.highest(plugin), hover, theme(EditorView)];
}

const theme = EditorView => EditorView.baseTheme({
  ".e80-prose, .e80-field": { color: "var(--jp-content-font-color1)", fontStyle: "normal", fontWeight: "normal" },
  ".e80-magic": { color: "var(--jp-mirror-editor-meta-color)", fontWeight: "bold" },
  ".e80-option": { color: "var(--jp-mirror-editor-keyword-color)" },
  ".e80-value": { color: "var(--jp-mirror-editor-string-color)" },
  ".e80-comment": { color: "var(--jp-mirror-editor-comment-color)", fontStyle: "italic" },
  ".e80-field": { backgroundColor: "var(--jp-rendermime-table-row-hover-background)", borderRadius: "3px" },
  ".e80-unknown, .e80-wrong": { textDecoration: "underline wavy var(--jp-error-color1)" },
  ".e80-hover": { padding: "2px 6px", maxWidth: "40em", whiteSpace: "pre-wrap" },
});
