// A line of a prompt: the magic, its options, and the {{fields}}. Nothing of an editor here.

import TABLE from "./table.js";

const WORD = /(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+|\S+/g;
const FIELD = /(?<![\\{$])\{\{([^{}]{1,1000})\}\}(?!\})/g;

// What tells magics (group 1 is before it, group 2 the magic) and options, each with what follows:
// "" nothing, "v" a value, "p" pairs NAME=VALUE, "?" and a pattern: a value or none.
export function table({ options: groups = TABLE, names = ["chat"] } = {}) {
	const options = {}, any = names.join("|");
	for (const [takes, flags] of Object.entries(groups)) {
		for (const flag of flags.split(" ")) options[(flag[1] ? "--" : "-") + flag] = takes;
	}
	return {
		options,
		cell: new RegExp(`^(\\s*)([%\uff05]{2}(?:${any}))(?=\\s|$)`),
		line: new RegExp(`^((?:\\s*\\w[^\\s=]*[ \\t]*=)?\\s*)(%(?:${any}))(?=\\s|$)`),
	};
}

// The number of the line with %%chat, or 0: only comments and empty lines may stand above it.
export function head(lines, pattern) {
	let number = 0;
	for (const line of lines) {
		number++;
		if (pattern.test(line)) return number;
		if (!/^\s*(#|$)/.test(line)) break;
	}
	return 0;
}

// Cut the options that `text` has from `at` on into [from, to, kind].
export function options(text, at, table, comments) {
	const spans = [], words = [...text.slice(at).matchAll(WORD)];
	const next = pattern => pattern.test(words[0]?.[0] ?? "");
	const add = (kind, { 0: word, index } = words.shift()) => spans.push([at + index, at + index + word.length, kind]);
	while (next(/^-(?!\.?\d)/)) {
		const { 0: word, index } = words.shift();
		let flag = word.split("=")[0];
		const short = flag.slice(0, 2);
		if (!(flag in table) && table[short] && !("-" + flag in table)) flag = short; // -t0.5
		const takes = flag === "--" ? "" : table[flag];
		const rest = word.slice(flag.length).replace(/^=/, "");
		add(takes === undefined ? "unknown" : "option", { 0: flag, index });
		if (flag === "--") return spans;
		if (rest) add(takes === undefined ? "unknown" : "value", { 0: rest, index: index + word.length - rest.length });
		else if (takes === "p") while (next(/^[A-Za-z_][\w.]*=/)) add("value");
		else if (takes === "v" ? words[0] : takes && next(new RegExp(`^(?!-)(?:${takes.slice(1) || ".+"})$`))) add("value");
	}
	if (comments && next(/^#/)) spans.push([at + words[0].index, text.length, "comment"]);
	return spans;
}

// Give the fields, nearly by the rules of the kernel, which has the last word; `expression` stands
// after the braces, before !r and :options. A pipe is the filter of a template.
export function* fields(text) {
	for (const { 0: source, 1: inside, index: from } of text.matchAll(FIELD)) {
		const expression = inside.slice(0, inside.search(/(![rs] *)?(:[^()[\]'"]+)?$/));
		if (!/ \| /.test(expression)) yield { from, to: from + source.length, source, expression };
	}
}

// Give [from, to, class] for the parts of an expression in Python's colours, or null where it is
// not one expression; false where it names nothing, which is text.
export function colours(text, parser, highlightTree, style) {
	const lead = text.search(/\S|$/), spans = [];
	const tree = parser.parse(text.trim()), first = tree.topNode.firstChild;
	let broken = first?.name !== "ExpressionStatement" || first.nextSibling, named = false;
	tree.iterate({ enter({ type, name }) {
		broken ||= type.isError;
		named ||= name === "VariableName";
	} });
	if (broken || !named) return broken ? null : false;
	highlightTree(tree, style, (from, to, kind) => spans.push([from + lead, to + lead, kind]));
	return spans;
}
