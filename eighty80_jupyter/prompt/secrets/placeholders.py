"""What stands where a secret would and hides nothing: places for one, types, names in code."""

from __future__ import annotations

import re

_PLACE = re.compile(
    r"""[\s"']*(?:  # ${VAR}, <token>, {pw}, %s and the like
    [x*.…•_#?-]+                                        # xxxx, ****, ...
    | \$(?:[{(].*|env:.*|\w+) | <.* | \[.* | \{.* | %\w*(?:\(.*)? | %\w+% | \(.*
    | [&!](?:env|getatt|ref|secret|sub|vault)\b.*       # YAML's own: !secret name
    | (?:op|vault|ssm|gs|s3|https?|file|keyring|kms)://.*     # an address of one
    | (?:arn|env|ssm|vault|secretref|ref\+\w+|keyring):.*
    | enc\[.* | @microsoft\..* | projects/.*
    | (?:os|process|sys|env|secrets?|vars?|config|settings?|self|this|args|opts?|options)\.\w.*
    | (?:~|\.{1,2})?/[\w.-]+/.* | [a-z]:\\.*            # a path
    | (?:redacted|removed|hidden|masked|filtered|omitted|sanitized|censored|snip)\W*
    | [a-z]+\.{3,} | [a-z]+…+
    | (?:[a-z]+(?:_[a-z]+)*_|[a-z0-9]+\.[a-z.-]+-)(?:key|token|secret|password)  # another's name
    )[\s"']*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
# Words of a value such as `your-key-here`, `change_me` and `<the token of the bot>`.
_ASKS = re.compile(
    r"(?:^|[-_. ])(?:your|example|sample|placeholder|dummy|fake|todo|tbd|fixme|replace|insert|enter"
    r"|fill|here|goes|foo|bar|baz)(?:$|[-_. ])"
    r"|^(?:your|replace|insert|enter|fill|put|use|add|set|paste)(?:[-_]|(?-i:[A-Z]))"
    r"|change[-_ ]?(?:me|this|it)\W*$|^to[-_]be|^not[-_]|^n/?a$",
    re.IGNORECASE,
)
_PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def words_of(text: str) -> frozenset[str]:
    """Return the words of a table that is written as a text."""
    return frozenset(text.split())


# What types, constants and variables are called; a value of these alone is no secret.
_WORDS = words_of(
    """
    a access account admin algorithm all allow allowed also always and anon anonymous any api app
    arg args argument array as assert attr attribute auth authentication authorization auto await
    base basic bcrypt bearer begin blank body bool boolean buffer button byte bytes cache call
    callback card case cert char character characters chars check choose class client code color
    column comment component config conn connection const constant context correct count counter
    create credential credentials crypto current cursor custom dark data date db decode decoded
    default deny description dev dict digits direction disable disabled display done element email
    empty enable enabled encode encoded encoding encrypted end entry enum env environ environment
    eos error event example expired expires expr expression external failed false field file final
    first float for forgot form format forms found from func function get given global group handle
    handler has hash hashed header help hex hidden hint host icon id image in incorrect index info
    init input instance int integer interface internal invalid is item json jwt key keys kind label
    last layout left length level lexer lib light line link list literal local log login long lower
    main managed manager mandatory map mask match matched max md me message method min missing mock
    mode model module more must name needed new next nil no node none not null num number oauth obj
    object of off offset ok old on one oneof only open operator option optional options or order out
    outline output own page param parameter params parent parse parser part pass passed passphrase
    passwd password path pattern payload pin placeholder plain plaintext please point position post
    prefix prev previous print private process profile prompt property provided provider public pw
    pwd query raw read ref reference regex render req request required reset resp response result
    results right role root row rsa salt same save scheme scope script secret secrets secretstr
    section secure segment select self send separator sequence server service session set settings
    sha show sig sign signature single size slot some source span special sso stack start state
    static status step stop store str strict string strong style suffix super symbol sys system
    table tag target task temp template term test text the theme this time title tmp to tok token
    tokens top total transform tree true two type uid uint undefined union unit unknown unset update
    url use used user username utf util utils uuid val valid validator value values var varchar
    variable vault vector verify version view visible void weak web width with word words write
    wrong yes
    """
)


def is_placeholder(value: str) -> bool:
    """Tell whether `value` is a place for a secret, or a word such as `required`, and none."""
    return (
        _PLACE.fullmatch(value) is not None
        or _ASKS.search(value) is not None
        or len(set(value)) == 1
        or (is_name(value) and not any(map(str.isdigit, value)))
    )


def is_name(value: str) -> bool:
    """Tell whether `value` reads as a name in code or as plain words: `new_password2`, `Sha256`."""
    if not re.fullmatch(r"[\w.?! -]+", value):
        return False
    letters = [piece for piece in pieces_of(value) if not piece.isdigit()]
    return bool(letters) and all(piece in _WORDS for piece in letters)


def pieces_of(name: str) -> list[str]:
    """Return the words and numbers that a name consists of, in small letters."""
    return [piece.lower() for piece in _PIECES.findall(name)]


def is_varied(value: str, *, digits: int = 1) -> bool:
    """Tell whether a value has letters and at least so many digits or marks, as words have not."""
    others = sum(not letter.isalpha() and letter not in "_-. " for letter in value)
    return others >= digits and any(letter.isalpha() for letter in value)
