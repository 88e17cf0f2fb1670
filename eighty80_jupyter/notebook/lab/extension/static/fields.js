// The {{fields}} of a line, by the rules of the kernel, which has the last word on them.

const STRING = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/.source;
const SHAPE = new RegExp(`\\{\\{((?:[^{}'"\\\\]|${STRING})+)\\}\\}(?!\\})`, "y");
const LOOSE = /\{\{([^{}]+)\}\}(?!\})/y;
const TOKEN = new RegExp(`${STRING}|[()[\\]]|!=|:=|[!:#|]|(?<=[\\w)\\]])[ \\t]+\\.(?=[^\\W\\d])`, "g");
const OPTIONS = /^(?:[^{}'"\s]?[<>=^])?[+-]?z?#?0?\d*[_,]?(?:\.\d+)?[A-Za-z%]?$|^[^\s{}'"]?[^{}'"]*%[A-Za-z][^{}'"]*$|^[A-Za-z_]\w*(?:=[^\s,{}'"]*)?(?:,[ ]?[A-Za-z_]\w*(?:=[^\s,{}'"]*)?)*$/;

// Give {from, to, source, expression: [from, to]} for each candidate of a line.
export function* fields(text) {
  if (text.length > 20000) return;
  for (let at = text.indexOf("{{"); at >= 0; at = text.indexOf("{{", at)) {
    if ("\\{$".includes(text[at - 1] || " ") || text[at + 2] === "{") { at += 2; continue; }
    SHAPE.lastIndex = LOOSE.lastIndex = at;
    const found = SHAPE.exec(text) ?? LOOSE.exec(text);
    if (!found || found[1].length > 1000) { at += 2; continue; }
    const length = expression(found[1]);
    const to = at + found[0].length;
    if (length > 0) yield { from: at, to, source: found[0], expression: [at + 2, at + 2 + length] };
    at = to;
  }
}

// The length of the expression that stands before !r and :options; 0 where it can be no field.
function expression(inside) {
  if (/^-[ \t]|^~/.test(inside)) return 0;
  let depth = 0;
  for (const { 0: token, index } of inside.matchAll(TOKEN)) {
    if (token === "(" || token === "[") depth++;
    else if (token === ")" || token === "]") depth--;
    else if (token === "#" || token.at(-1) === "." || (depth === 0 && (token === "|" || token === ":="))) return 0;
    else if (depth === 0 && (token === "!" || token === ":")) {
      const [, options] = /^(?:![rs][ \t]*(?=:|$))?(?::(.+))?$/.exec(inside.slice(index)) ?? [null, "'"];
      return options === undefined || OPTIONS.test(options.trimEnd()) ? index : 0;
    }
  }
  return inside.length;
}

// Give [from, to, class] for the parts of an expression in Python's colours, or null where it is
// not one expression; false where it names nothing, which is text.
export function colours(text, parser, highlightTree, style) {
  const lead = text.length - text.trimStart().length;
  const tree = parser.parse(text.trim());
  let broken = tree.topNode.firstChild?.name !== "ExpressionStatement" ||
    tree.topNode.firstChild.nextSibling !== null;
  let named = false;
  tree.iterate({ enter(node) {
    broken ||= node.type.isError;
    named ||= node.name === "VariableName";
  } });
  if (broken) return null;
  const spans = [];
  if (named) highlightTree(tree, style, (from, to, style) => spans.push([from + lead, to + lead, style]));
  return named && spans;
}
