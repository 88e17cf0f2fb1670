"""How programs keep and take credentials: their files, their options, headers and cookies.

Sources: the manuals of curl, .netrc, libpq, docker, Kubernetes, MySQL, npm; RFC 6265 (cookies).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from eighty80_jupyter.prompt.secrets.patterns import Pattern
from eighty80_jupyter.prompt.secrets.placeholders import is_placeholder, is_varied

_GAP = r"(?:\s|\\[nrt])+"
_ANY = r"[^\s\"'\\]{1,200}"
_COOKIES = re.compile(r"(?i:cookie)\\?[\"']?\s{0,2}[:=]\s{0,2}\\?[\"']?(?=[\w.-]{1,60}=)")
_PAIR = re.compile(r"([\w.-]{1,60})=([^\s;,\"'\\\[\]]{0,2000})(?:[;,]\s?)?")
_OTHERS = re.compile(
    r"_ga|_gid|_fbp|_gcl|utm|lang|locale|theme|expires|path|domain|max-age|samesite"
)


def _is_secret(match: re.Match[str]) -> bool:
    value = match[match.re.groups]
    return len(value) > 2 and not is_placeholder(value)  # noqa: PLR2004  # shorter ones are options


def _is_long(match: re.Match[str]) -> bool:
    return _is_secret(match) and is_varied(match[1], digits=2)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _is_login(match: re.Match[str]) -> bool:
    """Tell base64 of `user:password`."""
    text = _decoded(match[1])
    return ":" in text and text.isprintable()


def _is_key_file(match: re.Match[str]) -> bool:
    """Tell base64 of a private key, and of a docker configuration, from that of a certificate."""
    text = _decoded(match[1][:120])
    return "PRIVATE KEY" in text or text.startswith('{"auths"')


def _is_pgpass(match: re.Match[str]) -> bool:
    """Tell a line of .pgpass from a place in a file, a time and an address of the network."""
    host, port, base, user, _ = match[0].split(":", 4)
    usual = port == "*" or re.fullmatch(r"5[45]\d\d|6432", port) is not None
    named = host == "localhost" or ("." in host and not host.endswith((".py", ".go", ".js", ".c")))
    words = not (base.isdigit() or user.isdigit())
    return words and _is_secret(match) and (usual or (named and len(port) > 3))  # noqa: PLR2004  # no port of a base has fewer


def _is_session(match: re.Match[str]) -> bool:
    """Tell the id of a session from a count and a name: it has many digits among its letters."""
    return _is_secret(match) and sum(letter.isdigit() for letter in match[1]) > 3  # noqa: PLR2004  # a word has fewer


def cookies(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where the values of cookies stand in `Cookie` and `Set-Cookie` headers."""
    at = 0
    for head in _COOKIES.finditer(text):
        if head.start() < at:
            continue  # a cookie of that name, which was looked at
        at = head.end()
        while (pair := _PAIR.match(text, at)) is not None:
            if _OTHERS.match(pair[1].lower()) is None and _is_id(pair[2]):
                yield *pair.span(2), "session"
            at = pair.end()


def _is_id(value: str) -> bool:
    return len(value) > 11 and is_varied(value, digits=2)  # noqa: PLR2004  # a choice has fewer


# A value in quotes or without; group 1 is the quote.
_VALUE = r"((?(1)[^\"'\n]{1,200}|[^\s\"'\\]{1,200}))"
_QUOTE = r"\\?([\"'])?"
_CURL = (
    r"(?:curl|https?)\s(?:[^\n|;&]{0,300}?\s)?(?:-[a-zA-Z]{0,6}u|-a|--(?:proxy-)?user)[ =]?"
    rf"{_QUOTE}[^\s:\"'-][^\s:\"']{{0,60}}:"
)

CLIENT_PATTERNS = (
    Pattern(
        "password",
        ("machine", "default"),
        re.compile(
            rf"(?:machine{_GAP}{_ANY}|default)((?:{_GAP}(?:login|account){_GAP}{_ANY}){{1,2}})?"
            rf"{_GAP}password{_GAP}({_ANY})"
            rf"(?(1)|(?={_GAP}(?:login|account|machine|default)\b|(?:{_GAP})?(?:$|[\"'\n])))"
        ),
        group=2,
        check=_is_secret,
    ),
    Pattern(
        "password",
        (":",),
        re.compile(
            r"(?:(?<=^)|(?<=[\n\"'])|(?<=\\n))[\w.*-]{1,80}:(?:\d{2,5}|\*):[\w.*-]{1,60}:[\w.*@-]{1,60}:"
            r"([^\s\"'\\]{2,100})(?=$|[\s\"'\\])"
        ),
        group=1,
        check=_is_pgpass,
    ),
    Pattern(
        "password",
        ('auth"', "_auth=", "auth\\"),
        re.compile(r"auth(?:\\?\"\s{0,3}:\s{0,3}\\?\"|=)([A-Za-z0-9+/]{8,400}={0,2})"),
        group=1,
        check=_is_login,
    ),
    Pattern(
        "private key",
        ("LS0tLS1CRUdJTi", "eyJhdXRocyI6"),
        re.compile(r"((?:LS0tLS1CRUdJTi|eyJhdXRocyI6)[A-Za-z0-9+/]{20,}+={0,2})"),
        group=1,
        check=_is_key_file,
    ),
    *(
        Pattern("password", words, re.compile(before + _VALUE), group=2, check=_is_secret)
        for words, before in (
            (("curl", "http"), _CURL),
            (("sshpass",), rf"sshpass\s{{1,3}}-p\s{{0,3}}{_QUOTE}"),
            (
                ("mysql", "mariadb"),
                rf"(?:mysql|mariadb)\w{{0,10}}\s[^\n|;&]{{0,200}}?(?<=\s)-p{_QUOTE}",
            ),
            (("docker",), rf"docker\s{{1,3}}login\s[^\n|;&]{{0,200}}?(?<=\s)-p\s{{1,3}}{_QUOTE}"),
            (("redis-cli",), rf"redis-cli\s[^\n|;&]{{0,200}}?(?<=\s)-a\s{{1,3}}{_QUOTE}"),
            (("requirepass", "bindpw"), rf"(?:requirepass|bindpw)\s{{1,8}}{_QUOTE}"),
            (("psk",), rf"(?<![\w.-])psk\\?[\"']?\s{{0,3}}[:=]\s{{0,3}}{_QUOTE}"),
        )
    ),
    *(
        Pattern("password", words, re.compile(regex), group=1, check=_is_secret)
        for words, regex in (
            (("IDENTIFIED", "identified"), r"(?i:identified\s{1,3}by)\s{1,3}'([^'\n]{1,200})'"),
            (("PASSWORD '",), r"PASSWORD\s{1,3}'([^'\n]{1,200})'"),
            (("assword>", "ASSWORD>"), r"(?i:<(?:\w{1,20}[.:-])?password>)([^<\n]{1,200})(?=</)"),
            (
                ("value=", "Value="),
                (
                    r"(?i:(?:name|key|property)=\\?\"[\w.-]{0,40}(?:password|api[_-]?key|secret|token)"
                    r"\\?\"\s{1,3}value=\\?)\"([^\"\n]{1,200})\""
                ),
            ),
            (
                ("auth", "Auth"),
                r"(?:\bauth=\(|BasicAuth\()\s?[\"'][^\"'\n]{0,80}[\"'],\s?[\"']([^\"'\n]{1,200})[\"']",
            ),
            (("login(",), r"login\([\"'][^\"'\n]{1,80}[\"'],\s?[\"']([^\"'\n]{1,200})[\"']"),
            (
                ("$apr1$", "$2y$", "$2b$", "$2a$", "$6$", "$5$"),
                r":\$(?:apr1|2[aby]|[56])\$([^\s:\"']{10,200})",
            ),
            (("jdbc:oracle",), r"jdbc:oracle:\w{1,10}:\w{1,60}/([^\s@\"']{1,200})@"),
            (
                ("(",),
                (
                    r"(?:environ\.\w{1,20}|define|setenv|putenv|setProperty|setItem)\(\s?[\"'][\w.-]{0,40}"
                    r"(?i:key|token|secret|password|passwd|pwd)[\"'],\s?[\"']([^\"'\n]{1,200})[\"']"
                ),
            ),
            (
                ("setx ",),
                r"setx\s{1,3}\w{0,40}(?:KEY|TOKEN|SECRET|PASSWORD)\s{1,3}([^\s\"']{3,300})",
            ),
        )
    ),
    Pattern(
        "key",
        ("account.key", "config"),
        re.compile(
            r"(?:account\.key\.[\w.]{1,80}[\"'],\s?[\"']"
            r"|config(?:ure)? set \w{0,40}(?:key|token|secret)\s)([\w+/=.-]{16,200})"
        ),
        group=1,
        check=_is_secret,
    ),
    Pattern(
        "authorization",
        ("uthorization",),
        re.compile(
            r"uthorization\\?[\"']?\s{0,2}[:=]\s{0,2}\\?[\"']?(?:[bB]earer|[bB]asic|[tT]oken|ApiKey|[kK]ey|Digest)"
            r"\s{1,3}([\w.~+/-]{8,2000}+=*+)"
        ),
        group=1,
        check=_is_long,
    ),
    Pattern(
        "signature",
        ("ignature", "sig="),
        re.compile(
            r"(?:(?<![A-Za-z])|(?<=[?&-])|(?<=[AG]-))(?:[Ss]ignature|sig)=([\w%/+~-]{20,1000}+=*+)"
        ),
        group=1,
        check=_is_long,
    ),
    Pattern(
        "session",
        ("sess", "SESS", "Sess", "connect.sid", "csrf", "xsrf", "CSRF", "XSRF"),
        re.compile(
            r"(?:sessionid|(?:PHP|J|ASP)SESS(?:ION)?ID|connect\.sid|(?i:[cx]srf-?_?token)"
            r"|ASP\.NET_SessionId)\\?[\"']?\s{0,2}[=:]\s{0,2}\\?[\"']?([\w.%~+/-]{16,2000})"
        ),
        group=1,
        check=_is_session,
    ),
    Pattern(
        "key",
        ("ingest.",),
        re.compile(r"://([0-9a-f]{32})@[\w.-]{1,80}ingest\."),
        group=1,
    ),
)
