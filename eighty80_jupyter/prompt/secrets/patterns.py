"""The forms that only a secret has: cloud keys, tokens of forges and chats, JWTs, PEM blocks.

Sources: the documentation of each service, and the rules of gitleaks where that says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from eighty80_jupyter.prompt.secrets.named import kind_of
from eighty80_jupyter.prompt.secrets.placeholders import is_placeholder


def _always(_: re.Match[str]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Pattern:
    """One form. A text without any of `words` has none of it, and need not be searched.

    `group` is the part that is secret (0: all of it), `check` has the last word about a match.
    """

    name: str
    words: tuple[str, ...]
    regex: re.Pattern[str]
    group: int = 0
    check: Callable[[re.Match[str]], bool] = _always


# The name, the words, the first character (a class), and the rest. The first character is apart so
# that the search runs to it at full speed and only then looks back: no letter or digit may precede.
# `++` and `{n,}+` never give back.
_TOKENS = (
    ("AWS key", ("AKIA", "ASIA"), "A", r"(?:KIA|SIA)[A-Z2-7]{16}"),
    ("AWS session token", ("IQoJb3JpZ2lu",), "I", r"QoJb3JpZ2lu[\w+/=]{60,}+"),
    ("AWS session token", ("FwoGZXIvYXdz",), "F", r"woGZXIvYXdz[\w+/=]{60,}+"),
    ("Google key", ("AIza",), "A", r"Iza[\w-]{35}"),
    ("Google token", ("ya29.",), "y", r"a29\.[\w-]{20,}+"),
    ("Google secret", ("GOCSPX-",), "G", r"OCSPX-[\w-]{28}"),
    ("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), "g", r"h[pousr]_[A-Za-z0-9]{36,}+"),
    ("GitHub token", ("github_pat_",), "g", r"ithub_pat_\w{60,}+"),
    ("GitLab token", ("glpat-", "gldt-", "glrt-"), "g", r"l(?:pat|dt|rt)-[\w.-]{20,}+"),
    ("GitLab token", ("glptt-", "glcbt-"), "g", r"l(?:ptt|cbt)-[\w.-]{20,}+"),
    ("Atlassian token", ("ATATT3x", "ATBB"), "A", r"(?:TATT3x[\w=-]{50,}+|TBB[A-Za-z0-9]{32})"),
    ("Slack token", ("xox", "xapp-"), "x", r"(?:ox[abceoprs]|app)-[\w.-]{10,}+"),
    ("Slack address", ("hooks.slack.com/",), "h", r"ooks\.slack\.com/[a-z]{1,20}+/[\w/+-]{20,}+"),
    ("Discord address", ("/api/webhooks/",), "d", r"iscord(?:app)?\.com/api/webhooks/[\w/-]{40,}+"),
    ("Hugging Face token", ("hf_",), "h", r"f_[A-Za-z0-9]{30,}+"),
    ("Groq key", ("gsk_",), "g", r"sk_[A-Za-z0-9]{40,}+"),
    ("xAI key", ("xai-",), "x", r"ai-[A-Za-z0-9]{40,}+"),
    ("Stripe key", ("_live_", "_test_"), "[sr]", r"k_(?:live|test)_[A-Za-z0-9]{16,}+"),
    ("SendGrid key", ("SG.",), "S", r"G\.[\w-]{22}\.[\w-]{43}"),
    ("npm token", ("npm_",), "n", r"pm_[A-Za-z0-9]{36}"),
    ("PyPI token", ("pypi-Ag",), "p", r"ypi-Ag[\w-]{50,}+"),
    ("DigitalOcean token", ("_v1_",), "d", r"o[opr]_v1_[0-9a-f]{64}"),
    ("Databricks token", ("dapi",), "d", r"api[0-9a-f]{32}(?:-\d)?"),
    ("JWT", ("eyJ",), "e", r"(?<!-e)yJ[\w-]{10,}+\.eyJ[\w-]{10,}+\.[\w-]*+"),
)

# Those of further services, each a prefix of its own and what follows it.
_SERVICES = {
    "r8_": r"[A-Za-z0-9]{30,}+",  # Replicate
    "pplx-": r"[A-Za-z0-9]{40,}+",  # Perplexity
    "nvapi-": r"[\w-]{40,}+",  # NVIDIA
    "fw_": r"[A-Za-z0-9]{20,}+",  # Fireworks
    "csk-": r"[a-z0-9]{40,}+",  # Cerebras
    "esecret_": r"[A-Za-z0-9]{20,}+",  # Anyscale
    "tvly-": r"[\w-]{20,}+",  # Tavily
    "jina_": r"[A-Za-z0-9]{40,}+",
    "pcsk_": r"\w{40,}+",  # Pinecone
    "lsv2_": r"[a-z]{2}_[0-9a-f]{32}_[0-9a-f]{10}",  # LangSmith
    "wandb_v1_": r"\w{40,}+",
    "sk_": r"[0-9a-f]{48}",  # ElevenLabs
    "whsec_": r"[\w+/]{24,}+=*+",  # Stripe
    "re_": r"[A-Za-z0-9]{8}_[A-Za-z0-9]{24}",  # Resend
    "key-": r"[0-9a-z]{32}",  # Mailgun
    "hvs.": r"[\w-]{20,}+",  # Vault
    "hvb.": r"[\w-]{20,}+",
    "shpat_": r"[0-9a-fA-F]{32}",  # Shopify
    "shpss_": r"[0-9a-fA-F]{32}",
    "shppa_": r"[0-9a-fA-F]{32}",
    "shpca_": r"[0-9a-fA-F]{32}",
    "EAA": r"[A-Za-z0-9]{60,}+",  # Facebook
    "NRAK-": r"[A-Z0-9]{20,}+",  # New Relic
    "glc_": r"[\w+/]{32,}+=*+",  # Grafana
    "glsa_": r"\w{32,}+",
    "lin_api_": r"[A-Za-z0-9]{40}",  # Linear
    "secret_": r"[A-Za-z0-9]{43}",  # Notion
    "ntn_": r"[A-Za-z0-9]{40,}+",
    "figd_": r"[\w-]{40,}+",  # Figma
    "PMAK-": r"[0-9a-f]{24}-[0-9a-f]{34}",  # Postman
    "sntrys_": r"[\w+/=]{40,}+",  # Sentry
    "sntryu_": r"[0-9a-f]{64}",
    "dckr_pat_": r"[\w-]{20,}+",  # Docker
    "sbp_": r"[0-9a-f]{40}",  # Supabase
    "pscale_": r"(?:tkn|pw|oauth)_[\w.-]{30,}+",  # PlanetScale
    "CCIPAT_": r"\w{20,}+",  # CircleCI
    "rubygems_": r"[0-9a-f]{48}",
    "AGE-SECRET-KEY-1": r"[0-9A-Z]{58}",
    "pat": r"[A-Za-z0-9]{14}\.[0-9a-f]{64}",  # Airtable
    "dp.pt.": r"[A-Za-z0-9]{40,44}",  # Doppler
    "dt0c01.": r"[A-Z0-9]{24}\.[A-Z0-9]{64}",  # Dynatrace
    "HRKU-": r"[\w-]{36,}+",  # Heroku
    "nfp_": r"[A-Za-z0-9]{36,}+",  # Netlify
    "pul-": r"[0-9a-f]{40}",  # Pulumi
    "sq0atp-": r"[\w-]{22}",  # Square
    "sq0csp-": r"[\w-]{43}",
    "tfp_": r"[\w.-]{40,}+",  # Typeform
    "pnu_": r"[A-Za-z0-9]{36}",  # Prefect
}

# No letter, digit or underscore, unless it belongs to an escape: `\nghp_...`, `%3Dghp_...`.
_BEFORE = r"(?<!\w{0})|(?<=\\[nrt]{0})|(?<=%[0-9A-Fa-f][0-9A-Fa-f]{0})"
_PEM_LABEL = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PEM_BODY = r"[^-]*+(?:-(?!----)[^-]*+)*+"
_GAP = r"(?:\s|\\[nrt])"
# What follows the head of a key, and no mention of it: headers, and a line of base64.
_PEM_BEGINS = (
    r"(?=(?:\s|\\{1,4}[nrt]|[\"'+>#|]){0,40}"
    r"(?:[A-Z][\w-]{1,20}: [^\n\\]{0,200}(?:\s|\\{1,4}[nrt]){1,4}){0,5}"
    r"[A-Za-z0-9+/=]{20})"
)

# What comes before the `key`, `token` or `secret` in the name of something that is assigned.
_ASSIGNED = re.compile(
    r"(?:api|access|auth|secret|client|account|private|bot|refresh|master|bearer)[_-]?$",
    re.IGNORECASE,
)


def _is_varied(match: re.Match[str]) -> bool:
    """Tell a random word from names in code and style sheets: it has digits all over."""
    return sum(letter.isdigit() for letter in match[0]) >= 3  # noqa: PLR2004  # of 20 or more


def _has_digit(match: re.Match[str]) -> bool:
    """Tell a token from a long name that begins in the same way."""
    return any(letter.isdigit() for letter in match[0])


def _is_password(match: re.Match[str]) -> bool:
    """Tell a password from a place for one: `***`, `$PASS`, `{password}`, `<password>`."""
    return not is_placeholder(match[1])


def _is_assigned(match: re.Match[str]) -> bool:
    """Tell the value of an `api_key` from names and calls: it has letters and digits mixed."""
    before = match.string[max(0, match.start() - 12) : match.start()]
    value = match[1]
    return (
        _ASSIGNED.search(before) is not None
        and any(letter.isdigit() for letter in value)
        and any(letter.isalpha() for letter in value)
    )


# A text that is assigned to a name, or stands beside it in a dictionary: the operator is group 1,
# the quote group 2, the text group 3.
_LITERAL = (
    r"\\?[\"']?\]?[ \t]{0,20}(:[ \t]{0,3}[\w.\[\], |]{1,30}?=|=>|[:=!]?=|:)[ \t]{0,20}"
    r"[bfruBFRU]{0,2}(\\?[\"'])((?:(?!\2).){3,300}+)"
)
_WORKING_DIRECTORY = re.compile(r"(?<!\w)pwd", re.IGNORECASE)
_PATH = re.compile(r"(?:~|\.\.?)?/")
_NAME = re.compile(r"[\w.-]{0,40}\Z")


def _is_literal(match: re.Match[str]) -> bool:
    """Tell a secret in code from a place for one, and from a label such as `"Password: "`."""
    operator, quote, value = match[1], match[2], match[3]
    if _WORKING_DIRECTORY.match(match.string, match.start()) and _PATH.match(value):
        return False
    if is_placeholder(value):
        return False
    after = match.string[match.end() : match.end() + len(quote) + 1]
    closed = after.startswith(quote)
    if operator == ":":
        closed = closed and (after[len(quote) :].strip() in set(",;})]") | {""})
        return closed and " " not in value
    return closed or " " not in value


def _is_credential(match: re.Match[str]) -> bool:
    """Tell the same of a key; what is just called a token must look like one, as many are words."""
    value = match[3]
    if " " in value or not _is_literal(match):
        return False
    if not match[0].lower().startswith("token"):
        return True
    before = match.string[max(0, match.start() - 40) : match.start()]
    name = _NAME.search(before)
    return (
        len(value) >= (12 if match[1] == ":" else 8)  # shorter ones are words
        and any(letter.isdigit() for letter in value)
        and any(letter.isalpha() for letter in value)
        and kind_of(f"{name[0] if name else ''}token") is not None
    )


PATTERNS = (
    Pattern(
        "private key",
        ("PRIVATE KEY",),
        re.compile(
            rf"-----BEGIN {_PEM_LABEL}{_PEM_BEGINS}(?:{_PEM_BODY}-----END {_PEM_LABEL}"
            rf"|{_GAP}*+[A-Za-z0-9+/=]{{40,}}+(?:{_GAP}++[A-Za-z0-9+/=]++)*+)"
        ),
    ),
    *(
        Pattern(
            name, words, re.compile(rf"{first}(?:{_BEFORE.format(first)}){rest}(?![A-Za-z0-9])")
        )
        for name, words, first, rest in _TOKENS
    ),
    Pattern(
        "service token",
        tuple(_SERVICES),
        re.compile(
            "|".join(
                rf"{re.escape(prefix[0])}(?:{_BEFORE.format(prefix[0])}){re.escape(prefix[1:])}{rest}"
                for prefix, rest in _SERVICES.items()
            ).join(("(?:", ")(?![A-Za-z0-9])"))
        ),
        check=_has_digit,
    ),
    Pattern(
        "Fernet key",
        ("Fernet(",),
        re.compile(r"Fernet\(b?[\"']([\w-]{43}=)"),
        group=1,
    ),
    Pattern(
        "chat address",
        (".office.com/webhook",),
        re.compile(r"\.office\.com/webhook\w*/[\w@/-]{40,}+"),
    ),
    Pattern(
        "API key",
        ("sk-",),
        re.compile(
            rf"s(?<!-s)(?:{_BEFORE.format('s')})k-(?:[a-z]+\d*-){{0,3}}+[A-Za-z0-9_-]{{20,}}+"
        ),
        check=_is_varied,
    ),
    Pattern(
        "Discord token",
        (".",),
        re.compile(
            rf"[MNO](?:{_BEFORE.format('[MNO]')})[A-Za-z\d_-]{{23,27}}\.[\w-]{{6}}\.[\w-]{{27,38}}(?!\w)"
        ),
        check=_is_varied,
    ),
    Pattern(
        "Telegram token",
        (":AA",),
        re.compile(r":(?<=\d{8}:)(AA[\w-]{32,34})(?![\w-])"),
        group=1,
    ),
    Pattern(
        "Azure secret",
        ("Q~",),
        re.compile(r"Q~(?<=[\w.~-]{3}\dQ~)[\w.~-]{31,34}(?![\w.~-])"),
    ),
    Pattern(
        "Azure key",
        ("AccountKey=", "SharedAccessKey=", "sig="),
        re.compile(r"(?:(?:AccountKey|SharedAccessKey)=|[?&]sig=)([\w+/%-]{40,}+=*+)"),
        group=1,
    ),
    Pattern(
        "password",
        ("://",),
        re.compile(r"://[^\s/?#:@'\"<>\\]{0,100}+:([^\s/?#'\"<>\\]{1,300})@(?=[\w\[.%/-])"),
        group=1,
        check=_is_password,
    ),
    Pattern(
        "password",
        (";Password=", "; Password=", ";Pwd=", "; Pwd=", ";PWD=", "; PWD="),
        re.compile(r"; ?(?:Password|Pwd|PWD)=([^\s;'\"<>]{1,300})"),
        group=1,
        check=_is_password,
    ),
    Pattern(
        "authorization",
        ("earer ", "asic "),
        re.compile(
            r"[aAbB](?:earer|uthorization\\?[\"']?\s{0,2}[:=]\s{0,2}\\?[\"']?[bB]asic)"
            r" ([\w.~+/-]{20,}+=*+)"
        ),
        group=1,
        check=_is_varied,
    ),
    Pattern(
        "key",
        ("key", "Key", "KEY", "token", "Token", "TOKEN", "secret", "Secret", "SECRET"),
        re.compile(
            r"[kKtTsS](?:[eE][yY]|[oO][kK][eE][nN]|[eE][cC][rR][eE][tT])"
            r"\\?[\"']?\s{0,3}(?:=>|[:=])\s{0,3}\\?[\"']?([\w+/-]{20,}+=*+)(?![(.\[])"
        ),
        group=1,
        check=_is_assigned,
    ),
    Pattern(
        "password",
        ("pass", "Pass", "PASS", "pwd", "Pwd", "PWD"),
        re.compile(rf"(?i:pass(?:word|wort|wd|phrase|code)|(?<![a-z])pass|pwd)\d{{0,3}}{_LITERAL}"),
        group=3,
        check=_is_literal,
    ),
    Pattern(
        "key",
        ("key", "Key", "KEY", "token", "Token", "TOKEN", "secret", "Secret", "SECRET"),
        re.compile(
            r"(?i:(?:api|access|account|auth|encryption|master|private|secret|signing)[_-]?key"
            rf"|secret|token)\d{{0,3}}{_LITERAL}"
        ),
        group=3,
        check=_is_credential,
    ),
)
