r"""Which formulas LaTeX may typeset: those of which every command is on a list.

MathJax's list of what is forbidden (`math`) would not do here: LaTeX has far more commands, and one
that is missing from a list of forbidden ones would read a file.
"""

from __future__ import annotations

import re

COMMANDS = frozenset(
    """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa
    lambda mu nu xi pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega
    digamma Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega aleph beth gimel hbar
    hslash ell wp Re Im imath jmath eth partial nabla infty emptyset varnothing complement
    sum prod coprod int iint iiint oint bigcup bigcap bigsqcup bigvee bigwedge bigoplus
    bigotimes bigodot biguplus lim limsup liminf sup inf max min arg det dim ker hom deg gcd
    exp log ln lg sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth Pr bmod
    pmod mod operatorname limits nolimits displaylimits injlim projlim varinjlim varprojlim
    pm mp times div cdot ast star circ bullet cap cup uplus sqcap sqcup vee wedge lor land
    setminus smallsetminus wr diamond oplus ominus otimes oslash odot dagger ddagger amalg
    triangleleft triangleright bigtriangleup bigtriangledown boxplus boxminus boxtimes
    le leq leqslant ge geq geqslant ll gg lll ggg ne neq equiv sim simeq approx cong propto
    asymp doteq models perp parallel nparallel mid nmid in ni notin owns subset supset
    subseteq supseteq subsetneq supsetneq nsubseteq sqsubset sqsubseteq sqsupseteq prec succ
    preceq succeq vdash dashv vDash lessgtr gtrless lesssim gtrsim lessapprox gtrapprox not
    triangleq bowtie therefore because
    to gets leftarrow rightarrow leftrightarrow Leftarrow Rightarrow Leftrightarrow
    longleftarrow longrightarrow longleftrightarrow Longleftarrow Longrightarrow
    Longleftrightarrow mapsto longmapsto hookleftarrow hookrightarrow leftharpoonup
    rightharpoonup rightleftharpoons uparrow downarrow updownarrow Uparrow Downarrow
    Updownarrow nearrow searrow swarrow nwarrow iff implies impliedby rightsquigarrow
    xrightarrow xleftarrow overrightarrow overleftarrow
    forall exists nexists neg lnot top bot angle measuredangle triangle square blacksquare Box
    lozenge prime backprime flat natural sharp clubsuit diamondsuit heartsuit spadesuit
    checkmark dots ldots cdots vdots ddots dotsb dotsc dotsi dotsm colon surd
    left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr langle
    rangle lfloor rfloor lceil rceil lvert rvert lVert rVert vert Vert lbrace rbrace lbrack
    rbrack backslash
    frac dfrac tfrac cfrac binom dbinom tbinom sqrt overline underline overbrace underbrace
    overset underset stackrel substack boxed phantom hphantom vphantom hline
    hat widehat tilde widetilde bar vec dot ddot dddot acute grave breve check mathring
    mathrm mathbf mathit mathsf mathtt mathcal mathbb mathfrak mathscr boldsymbol bf rm it sf
    tt text textbf textit textrm textsf texttt mathop mathbin mathrel mathord mathopen
    mathclose mathpunct mathinner displaystyle textstyle scriptstyle scriptscriptstyle
    quad qquad thinspace enspace medspace thickspace negthinspace nonumber notag
    """.split()  # noqa: SIM905  one name a line would be no easier to read
)
_SIGNS = frozenset("\\,;:!{}|_%$#& >/.-")
_ENVIRONMENTS = frozenset(
    "matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix cases aligned alignedat "  # noqa: SIM905  one name a line would be no easier to read
    "gathered split array".split()
)
# What a display may be for MathJax stands within a display in LaTeX.
_WITHIN = {"align": "aligned", "align*": "aligned", "gather": "gathered", "gather*": "gathered"}
# A backslash at the very end is a sign, too: it would take what follows the formula with it.
_TOKEN = re.compile(r"\\([A-Za-z]+)|\\(.|\Z)|([{}&$#%~\"]|\^\^)", re.DOTALL)
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([A-Za-z]+\*?)\}")
_TEXT = re.compile(r"\\(?:text\w*|operatorname)\s*\{([^{}]*)\}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_COLUMNS = re.compile(r"\s*(?:\[[tcb]\]\s*)?\{[lcr|\s]{1,99}\}")
_MOST = 5000  # characters


def latex_formula(source: str, *, display: bool = True) -> str:
    r"""Return a formula with its delimiters (`$`, `$$`, `\(`, `\[`) as LaTeX; "" if it may not.

    What LaTeX would stop at is not let through either: braces and environments that do not match,
    `&` outside of an environment, `^` within a text. `display`: one that stands by itself may.
    """
    opening = 2 if source.startswith(("$$", "\\")) else 1
    display = display and source.startswith(("$$", "\\["))
    body = re.sub(r"\n\s*\n", "\n", source[opening:-opening].strip())
    body = _ENVIRONMENT.sub(
        lambda found: f"\\{found[1]}{{{_WITHIN.get(found[2], found[2])}}}", body
    )
    if not body or len(body) > _MOST or _CONTROL.search(body) or not _may_pass(body):
        return ""
    return f"\\[{body}\\]" if display else f"\\({body}\\)"


def _may_pass(body: str) -> bool:
    names = [match[1] for match in _TOKEN.finditer(body)]
    return (
        _is_nested(body)
        and names.count("left") == names.count("right")
        and not any(re.search(r"[_^&]", text) for text in _TEXT.findall(body))
    )


def _is_nested(body: str) -> bool:
    """Tell whether every command may pass, and braces and environments nest."""
    opened: list[str] = []  # environments, and "{" for braces
    position = 0
    while match := _TOKEN.search(body, position):
        position = match.end()
        name, sign, other = match.groups()
        if name in ("begin", "end"):
            found = _ENVIRONMENT.match(body, match.start())
            if found is None or not _may_begin(found, body):
                return False
            position = found.end()
            begins, what = name == "begin", found[2]
        elif other in ("{", "}"):
            begins, what = other == "{", "{"
        elif _passes(name, sign, other, within=bool(set(opened) - {"{"})):
            continue
        else:
            return False
        if begins:
            opened.append(what)
        elif not opened or opened.pop() != what:
            return False
    return not opened


def _passes(name: str | None, sign: str | None, other: str | None, *, within: bool) -> bool:
    """Tell whether a token may pass; `within` an environment `&` may."""
    if name is not None:
        return name in COMMANDS
    return sign in _SIGNS if sign is not None else other == "&" and within


def _may_begin(found: re.Match[str], body: str) -> bool:
    if found[2] not in _ENVIRONMENTS:
        return False
    return found[2] != "array" or found[1] == "end" or bool(_COLUMNS.match(body, found.end()))
