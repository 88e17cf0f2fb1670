// A line of a prompt: the magic, its options, and the {{fields}}. Nothing of an editor here.

import TABLE from "./table.js";

const WORD = /(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+|\S+/g;
const FIELD = /(?<![\\{$])\{\{((?:[^{}"'\\]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')+)\}\}(?!\})/g;

// What tells the magics, each after group 1, and the options, each with what may follow it. Only
// comments and empty lines may stand above %%chat.
export function table({ options = TABLE, names = ["chat"] } = {}) {
	const known = {}, name = `(?:${names.join("|")})(?=\\s|$)`;
	for (const [follows, flags] of Object.entries(options)) {
		for (const flag of flags.split(" ")) known[(flag[1] ? "--" : "-") + flag] = RegExp(`^(?:${follows})$`);
	}
	return {
		known,
		cell: RegExp(`^((?:[^\\S\\n]*(?:#.*)?\\n)*)\\s*[%\uff05]{2}${name}`),
		line: RegExp(`^((?:\\s*\\w[^\\s=]*[ \\t]*=)?\\s*)%${name}`),
	};
}

// Cut the options that `text` has from `at` on into [from, to, kind].
export function* options(text, at, known, comments) {
	let follows; // what may follow the option
	for (const { 0: word, index } of text.slice(at).matchAll(WORD)) {
		const from = at + index, to = from + word.length;
		if (follows?.test(word)) {
			yield [from, to, "value"];
			if (!/=/.test(follows.source)) follows = null;
		} else if (/^-(?!\.?\d)/.test(word)) {
			let flag = word.split("=")[0];
			const short = flag.slice(0, 2);
			if (!known[flag] && !known["-" + flag] && known[short]?.test("1")) flag = short; // -t0.5
			const there = known[flag] ?? flag === "--", end = from + flag.length;
			yield [from, end, there ? "option" : "unknown"];
			if (flag === "--") break;
			yield [end + (text[end] === "="), to, there ? "value" : "unknown"];
			follows = flag === word ? known[flag] : null;
		} else {
			if (comments && word[0] === "#") yield [from, text.length, "comment"];
			break;
		}
	}
}

// Give the fields, nearly by the rules of the kernel, which has the last word; `expression` stands
// before !r and :options. A pipe is the filter of a template.
export function* fields(text) {
	for (const { 0: source, 1: inside, index: from } of text.matchAll(FIELD)) {
		const expression = inside.slice(0, inside.search(/(![rs] *)?(:[^()[\]'"]+)?$/));
		if (!/ \| /.test(expression)) yield { from, to: from + source.length, source, expression };
	}
}
