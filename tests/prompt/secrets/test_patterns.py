"""Secrets of a known form, and the ordinary texts that look a little like them."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
import time
import uuid

import pytest

from eighty80_jupyter.prompt.secrets.patterns import PATTERNS
from eighty80_jupyter.prompt.secrets.redact import Redactor

RANDOM = random.Random(8080)  # the same keys at each run
LETTERS = string.ascii_letters + string.digits


def word(length: int, letters: str = LETTERS) -> str:
    """Return a random word."""
    return "".join(RANDOM.choices(letters, k=length))


HEX = "0123456789abcdef"
BODY = "\n".join(word(64, LETTERS + "+/") for _ in range(12))
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{word(43)}"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"

# The name, and a text that is a secret as a whole. Written in two halves, so that scanners of
# repositories do not take them for real.
WHOLE = [
    ("AWS key", "AK" + "IA" + word(16, string.ascii_uppercase + "234567")),
    ("AWS key", "AS" + "IA" + word(16, string.ascii_uppercase + "234567")),
    ("AWS session token", "IQoJb3" + "JpZ2lu" + word(200, LETTERS + "+/=")),
    ("Google key", "AI" + "za" + word(35, LETTERS + "_-")),
    ("Google token", "ya29" + "." + word(80, LETTERS + "_-")),
    ("Google secret", "GOC" + "SPX-" + word(28)),
    ("GitHub token", "gh" + "p_" + word(36)),
    ("GitHub token", "gh" + "s_" + word(36)),
    ("GitHub token", "github" + "_pat_" + word(22) + "_" + word(59)),
    ("GitLab token", "gl" + "pat-" + word(20)),
    ("GitLab token", "gl" + "ptt-" + word(40, HEX)),
    ("Atlassian token", "ATATT" + "3x" + word(180)),
    ("Slack token", "xo" + "xb-" + "123456789012-123456789012-" + word(24)),
    ("Slack token", "xa" + "pp-1-A0123-" + word(64, HEX)),
    ("Slack address", "hooks.slack" + ".com/services/T0123/B0123/" + word(24)),
    ("Discord address", "discord" + ".com/api/webhooks/1234567890/" + word(68)),
    ("Discord token", "M" + word(25) + "." + word(6) + "." + word(38)),
    ("Hugging Face token", "h" + "f_" + word(34)),
    ("Groq key", "gs" + "k_" + word(52)),
    ("xAI key", "xa" + "i-" + word(80)),
    ("Stripe key", "sk" + "_live_" + word(24)),
    ("SendGrid key", "S" + "G." + word(22) + "." + word(43)),
    ("npm token", "np" + "m_" + word(36)),
    ("PyPI token", "pypi" + "-AgEIcHlwaS5vcmc" + word(120)),
    ("DigitalOcean token", "dop" + "_v1_" + word(64, HEX)),
    ("Databricks token", "da" + "pi" + word(32, HEX)),
    ("API key", "s" + "k-" + word(48)),
    ("API key", "s" + "k-" + word(32, HEX)),
    ("API key", "s" + "k-proj-" + word(80, LETTERS + "_-")),
    ("API key", "s" + "k-ant-api03-" + word(95, LETTERS + "_-")),
    ("JWT", JWT),
    ("private key", PEM),
    ("private key", PEM.replace("RSA ", "")),
    ("private key", PEM.replace("RSA", "OPENSSH")),
    ("private key", PEM.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK")),
    ("private key", PEM.replace("\n", "\\n")),
    ("private key", PEM.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,B\n\n", 1)),
    ("chat address", ".office" + ".com/webhook/" + word(60, HEX + "-")),
    *(
        ("service token", begin + word(length, letters))
        for begin, length, letters in (
            *(("r" + "8_", 37, LETTERS), ("pp" + "lx-", 48, LETTERS), ("nv" + "api-", 64, LETTERS)),
            *(("f" + "w_", 24, LETTERS), ("cs" + "k-", 48, HEX), ("tv" + "ly-", 32, LETTERS)),
            *(("ji" + "na_", 44, LETTERS), ("pc" + "sk_", 60, LETTERS), ("s" + "k_", 48, HEX)),
            *(("wh" + "sec_", 32, LETTERS), ("ke" + "y-", 32, HEX), ("hv" + "s.", 90, LETTERS)),
            *(("sh" + "pat_", 32, HEX), ("EA" + "A", 120, LETTERS), ("NR" + "AK-", 27, "A1B2C3")),
            *(
                ("gl" + "c_", 80, LETTERS),
                ("li" + "n_api_", 40, LETTERS),
                ("nt" + "n_", 46, LETTERS),
            ),
            *(
                ("sec" + "ret_", 43, LETTERS),
                ("fi" + "gd_", 40, LETTERS),
                ("sn" + "trys_", 99, LETTERS),
            ),
            *(
                ("dc" + "kr_pat_", 27, LETTERS),
                ("sb" + "p_", 40, HEX),
                ("CC" + "IPAT_", 60, LETTERS),
            ),
            *(
                ("ps" + "cale_tkn_", 43, LETTERS),
                ("ruby" + "gems_", 48, HEX),
                ("nf" + "p_", 40, LETTERS),
            ),
            *(
                ("AGE-SEC" + "RET-KEY-1", 58, "Q2P3Z4"),
                ("pu" + "l-", 40, HEX),
                ("HR" + "KU-", 60, HEX),
            ),
            *(
                ("sq" + "0atp-", 22, LETTERS),
                ("pn" + "u_", 36, LETTERS),
                ("dp" + ".pt.", 43, LETTERS),
            ),
        )
    ),
    ("service token", "lsv" + "2_pt_" + word(32, HEX) + "_" + word(10, HEX)),
    ("service token", "PM" + "AK-" + word(24, HEX) + "-" + word(34, HEX)),
    ("service token", "r" + "e_" + word(8) + "_" + word(24)),
]

# The name, the text, and the secret in it.
WITHIN = [
    ("Telegram token", "bot123456789:{}/getMe", "AA" + word(33)),
    ("password", "postgres://user:{}@db.example.org:5432/x", "hunter2-of-mine"),
    ("password", "see redis://:{}@localhost and more", "p%40ss"),
    ("password", "postgresql+psycopg://u:{}@/x", "abc"),
    ("password", "amqp://u:{}@[::1]/v", "a@b:c"),
    ("password", "https://{{user}}:{}@github.com/x.git", "abc"),
    ("password", "Server=x;Uid=sa;Pwd={};Database=y", "Secret,1!"),
    ("password", "Driver=x; Password={};", "a=b"),
    ("Azure key", "AccountName=x;AccountKey={};EndpointSuffix=y", word(86, LETTERS + "+/") + "=="),
    ("Azure key", "https://x.blob/y?sv=1&sig={}&se=2", word(43) + "%3D"),
    ("Azure secret", "abc8{}", "Q~" + word(33)),
    ("Fernet key", "box = Fernet(b'{}')", word(43) + "="),
    ("authorization", "curl -H 'Authorization: Bearer {}'", "a1b2" * 8),
    ("authorization", '"Authorization": "Basic {}"', "dXNlcjpwYXNzd29yZDEyMzQ1Njc="),
    ("key", "api_key = '{}'", "a1" * 12),
    ("key", '{{"apiKey": "{}"}}', "a1" * 12),
    ("key", "aws_secret_access_key = {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("key", "AWS_SECRET_ACCESS_KEY={}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("key", '\\"client_secret\\": \\"{}\\"', "a1" * 12),
    ("key", "x-access-token: {}", "a1-" * 12),
    # What is assigned in code may be any text.
    ("password", 'password = "{}"', "hunter2"),
    ("password", "DB_PASSWORD: str='{}'  # for now", "correct horse battery"),
    ("password", 'connect(user="ada", password=r"{}", port=1)', "pä/55"),
    ("password", """{{'passwd': '{}', 'user': 'ada'}}""", "12345"),
    ("password", """os.environ["APP_PWD"] = '{}'""", "let me in"),
    ("password", 'if pwd == "{}":', "letmein"),
    ("password", 'DB_PWD = "{}"', "/hunter2"),
    ("password", "x = 'password=\\'{}\\''", "hunter2"),
    ("key", 'api_key = "{}"', "my-secret-key"),
    ("key", "SECRET_KEY: Final[str] = '{}'", "django-insecure"),
    ("key", 'config["client_secret"] = "{}"', "abcdef"),
    ("key", '{{"apiKey": "{}"}}', "abc123"),
    ("key", "token='{}'", "abcd12345678"),
]

KEY = "gh" + "p_" + "A1b2" * 9

ORDINARY = [
    hashlib.md5(b"x").hexdigest(),  # noqa: S324  # its look counts
    hashlib.sha256(b"x").hexdigest(),
    f"commit {hashlib.sha1(b'x').hexdigest()}",  # noqa: S324  # the same
    str(uuid.UUID(int=2**127 + 12345)),
    "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 40).decode(),
    "The password is the key to your secrets: choose a token with care.",
    "password: required",
    "api_key = os.environ['API_KEY']",
    "api_key = get_api_key_from_the_vault_v2(name)",
    "API_KEY=your-api-key-goes-here-please",
    "access_token: AccessTokenProviderFactoryBean",
    "primary_key=column_with_a_long_name_2024",
    "token = tokenizer.encode_plus_with_special_1",
    "sort_key: a1b2c3d4e5f6a7b8c9d0e1f2",
    "Authorization: Bearer <token>",
    'password = getpass("Password: ") or input("Your password: ")',
    'print("Password:", pw); print("password:"+pw+"x")',
    'password = ""; password = "", "x"; password = "***"; password = "{pw}"; password = "<yours>"',
    '{"password": "Password is required", "secret": "string", "token": "hello123456"}',
    """<input type="password" name='password' placeholder="Password">""",
    'parser.add_argument("--password", help="the password to use")',
    'token = "hello"; pad_token = "[PAD]"; eos_token="</s>"; next_page_token = "CAUQAA12345"',
    'mask_token = "extra_id_0"; pwd = "/home/ada/work"; assert PWD == "~/work"',
    'secret = "the cake is a lie"; df["password"].map("a{}".format); key = "price2024"',
    "a bearer certificate",
    "postgres://localhost:5432/x and user@host and http://x/a:b@c",
    "https://user:***@host https://$USER:$PASS@host https://u:{password}@h https://u:<pass>@h",
    "https://user:xxxxx@host",
    "http://localhost:8888/?to=a@b",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "A file with -----BEGIN PRIVATE KEY----- in it is a key, and must not be sent to anybody else.",
    ".sk-fading-circle .sk-toggleable__content-fitted-estimator {x: 1}",
    "#sk-container-id-1 div.sk-label-container-of-parallel-items",
    "desk-abcdefghij1234567890 task-123456789012345678901234",
    "eyJ is how a JWT begins; eyJhbGciOiJIUzI1NiJ9 is the head of one",
    "ghp_short AKIA AKIAlower hf_transformers xoxo- sk-learn gsk_ glpat-x",
    "some.module.path.Name Miscellaneous.things.to_do Notebook.cells.output_of_the_first_cell",
    "NotebookDocumentSerializerX.export.some_rather_long_name_of_a_method",
    "12:34:56 1234567890:AB 10.1.2.3 2024-01-01T00:00:00Z",
    "1,2.5,abc\n" * 100,
    "x" * 10_000,
    "A" * 10_000,
]


def redact(text: str) -> tuple[str, tuple[str, ...]]:
    """Redact without an environment."""
    return Redactor({}).redact(text)


@pytest.mark.parametrize(("name", "secret"), WHOLE)
def test_whole(name: str, secret: str) -> None:
    """A secret goes as a whole: alone, in a sentence, in quotes, in escaped text, in an address."""
    mark = f"[redacted: {name}]"
    assert redact(secret) == (mark, (name,))
    assert redact(f"use {secret}, please")[0] == f"use {mark}, please"
    assert redact(f"'{secret}' ({secret})")[0] == f"'{mark}' ({mark})"
    assert redact(f"x\\n{secret}\\ty")[0] == f"x\\n{mark}\\ty"
    assert redact(f"a={secret}&b")[0] == f"a={mark}&b"
    shown = json.dumps({"a": [f"x\n{secret}\ny"]})
    assert redact(shown)[0] == shown.replace(json.dumps(secret)[1:-1], mark)


@pytest.mark.parametrize(("name", "text", "secret"), WITHIN)
def test_within(name: str, text: str, secret: str) -> None:
    """Of an address or an assignment only the secret goes."""
    assert redact(text.format(secret)) == (text.format(f"[redacted: {name}]"), (name,))


def test_encoded_addresses() -> None:
    """A token in an encoded address is found."""
    assert redact(f"?q=token%3D{KEY}%26x")[0] == "?q=token%3D[redacted: GitHub token]%26x"


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary(text: str) -> None:
    """Ordinary text stays."""
    assert redact(text) == (text, ())


def test_cut_private_keys() -> None:
    """A private key whose end was cut off goes too."""
    for end in (100, 200, 400):
        text = redact(PEM[:end] + "…")[0]
        assert text == "[redacted: private key]…"


def test_several() -> None:
    """Each secret of a text is named once."""
    text, names = redact(f"{KEY} {JWT} {KEY}")
    assert text == "[redacted: GitHub token] [redacted: JWT] [redacted: GitHub token]"
    assert names == ("GitHub token", "JWT")


def test_every_pattern_is_tested() -> None:
    """There is an example of each pattern."""
    assert {pattern.name for pattern in PATTERNS} == {name for name, *_ in [*WHOLE, *WITHIN]}


HOSTILE = {
    "letters": "a" * 10**6,
    "prose": "The quick brown fox, and so on. " * 31_250,
    "numbers": "1234.5678,abc,2024-01-01\n" * 40_000,
    "base64": base64.b64encode(bytes(range(256)) * 2_900).decode(),
    "jwt": "eyJ" * 330_000,
    "jwt_dots": "eyJaaaaaaaaaaaa." * 60_000,
    "jwt_dashes": "-eyJ" * 250_000,
    "pem": "-----BEGIN PRIVATE KEY-----" * 37_000,
    "pem_body": "-----BEGIN PRIVATE KEY-----\n" + "A\n" * 500_000,
    "addresses": "://a:b" * 160_000,
    "passwords": ("://a:" + "b" * 300) * 3_200,
    "sk": "sk-a-" * 200_000,
    "telegram": "1234567890:AA" * 75_000,
    "assigned": "api_key=" * 125_000,
    "bearer": "Bearer " * 140_000,
    "literals": "password = '" * 90_000,
    "literal_escapes": "secret='" + "\\'" * 500_000,
    "annotations": "token: " + "a, " * 300_000,
    "cookies": "cookie: a=b; " * 80_000,
    "settings": "a: b\npassword: cccccc\n" * 45_000,
    "parameters": "host=a password=b " * 55_000,
    "words": " ".join(w for p in PATTERNS for w in p.words) * 1_500,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_time(name: str) -> None:
    """A megabyte takes a second or two, whatever it is: squared, it would be half a minute."""
    text = HOSTILE[name][: 10**6]
    redactor = Redactor({f"KEY_{n}": word(40) for n in range(20)})
    started = time.process_time()
    redactor.redact(text)
    assert time.process_time() - started < 12
