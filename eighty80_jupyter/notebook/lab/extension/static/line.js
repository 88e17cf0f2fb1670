// The first line of a prompt: where it is, and what its options are. Nothing of an editor here.

const UNSEEN = "\\ufeff\\u200b\\u200c\\u200d\\u200e\\u200f\\u2060\\u00ad";
const WORD = /(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+|\S+/y;

const escaped = names => names.map(name => name.replace(/\W/g, "\\$&")).join("|");

// The magic of a cell and that of a line, for these names: group 1 is before it, group 2 the magic.
export const patterns = names => ({
  cell: new RegExp(`^([\\s${UNSEEN}]*)([%\\uff05]{2}(?:${escaped(names)}))(?=[\\s${UNSEEN}]|$)`),
  line: new RegExp(`^((?:\\s*\\w[^\\s=]*[ \\t]*=)?\\s*)(%(?:${escaped(names)}))(?=\\s|$)`),
});

// The number of the line with %%chat, or 0: only comments and empty lines may stand above it.
export function head(doc, pattern) {
  for (let number = 1; number <= Math.min(doc.lines, 50); number++) {
    const { text } = doc.line(number);
    if (pattern.test(text)) return number;
    if (!/^\s*(#|$)/.test(text)) return 0;
  }
  return 0;
}

// What follows each option, from the table: names by what follows them.
export function byName(table) {
  const found = {};
  for (const [takes, names] of Object.entries(table)) {
    for (const name of names.split(" ")) found[(name[1] ? "--" : "-") + name] = takes;
  }
  return found;
}

// Cut the options that `text` has from `at` on into [from, to, kind]. `table` says of each option
// "" (takes nothing), "v" (a value), "p" (pairs NAME=VALUE) or "?" and a pattern (a value or none).
export function options(text, at, table, comments) {
  const spans = [];
  const space = () => { while (/\s/.test(text[at] ?? "")) at++; };
  const value = kind => {
    WORD.lastIndex = at;
    const [word] = WORD.exec(text);
    spans.push([at, at += word.length, kind]);
  };
  for (space(); text[at] === "-" && !/^-\.?\d/.test(text.slice(at)); space()) {
    const word = /^[^\s=]+/.exec(text.slice(at))[0];
    if (word === "--") return [...spans, [at, at + 2, "option"]];
    const short = Object.hasOwn(table, word) ? word : word.slice(0, 2);
    const attached = short !== word && table[short] && !("-" + word in table);
    const flag = attached ? short : word;
    const takes = Object.hasOwn(table, flag) ? table[flag] : null;
    spans.push([at, at += flag.length, takes === null ? "unknown" : "option"]);
    if (text[at] === "=") {
      at++;
      if (/\S/.test(text[at] ?? "")) value(takes === null ? "unknown" : "value");
    } else if (takes === null) {
      at += /^(?:\s+[^\s-]\S*(?=\s+-))?/.exec(text.slice(at))[0].length;
    } else if (takes === "p") {
      for (space(); /^[A-Za-z_][\w.]*=/.test(text.slice(at)); space()) value("value");
    } else if (takes) {
      space();
      const fits = takes === "v" ||
        (text[at] !== "-" && new RegExp(`^(?:${takes.slice(1) || "\\S+"})(?!\\S)`).test(text.slice(at)));
      if (attached || (at < text.length && fits)) value("value");
    }
  }
  if (comments && text[at] === "#") spans.push([at, text.length, "comment"]);
  return spans;
}
