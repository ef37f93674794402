"""The requests: each depends on the seed, its number and what the pages have shown."""

import random
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

from tests.fuzz.rows import ROLES, valid
from tests.fuzz.targets import Target
from tests.fuzz.values import CHARSETS, JUNK_NAMES, quoted, strange
from tests.fuzz.visitors import TOKEN, Request, Visitors
from tests.stack.ports import LOOPBACK

ENDS = ("&q=%ff", "&%00=1", "&" * 20, "&a" * 1_100, "&page=%zz")
METHODS = ("GET",) * 8 + ("POST",) * 8 + ("HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X")
FORM = "application/x-www-form-urlencoded"
ESCAPES = ("\\000a", "\\012", "\\377", "\\")
TYPES = ("application/json", "text/plain", "", "x" * 300, "multipart/form-data", "a/b; c*=x''%ff")
COOKIES = ("sessionid", "csrftoken", "django_language", "messages", "x")


@dataclass
class Schema:
    """What is known of a target: path values, fields of its forms with their values, keys of queries."""

    target: Target
    paths: dict[str, list[str]]
    fields: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def learn(self, page: str) -> None:
        """Take over the forms and links of a page."""
        found = _Reader(page)
        self.fields |= found.fields
        self.keys |= found.keys

    def refresh(self) -> None:
        """Rows come and go."""
        self.paths = valid(self.target)


class _Reader(HTMLParser):
    """Names and values of forms, and of the queries of links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields, self.keys = dict[str, str](), dict[str, str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        if tag in ("input", "select", "textarea", "button") and facts.get("name"):
            self.fields.setdefault(facts["name"], facts.get("value", "on" if tag == "input" else ""))
        if tag == "a" and "?" in facts.get("href", ""):
            self.keys |= dict(parse_qsl(urlsplit(facts["href"]).query))


def plain(schema: Schema, role: str, rng: random.Random, visitors: Visitors, method: str = "GET") -> Request:
    """A valid request for the page."""
    path = schema.target.path({name: quoted(rng.choice(schema.paths[name]), "/:") for name in schema.target.names})
    return Request(role, method, path, _headers(visitors, role))


def hostile(schema: Schema, number: int, seed: int, visitors: Visitors) -> Request:
    """The request of this number."""
    rng = random.Random(f"{seed}:{number}")
    role = rng.choice((*ROLES, "superuser"))
    request = plain(schema, role, rng, visitors, rng.choice(METHODS))
    if schema.target.names and rng.random() < 0.3:
        values = {name: quoted(strange(rng)[:3_000], "/") for name in schema.target.names}
        request.path = schema.target.path(values)
    if rng.random() < 0.6:
        request.path += "?" + _pairs(schema.keys, rng, JUNK_NAMES)[:7_000]
    if request.method not in ("GET", "HEAD"):
        _add_body(request, schema, rng)
    _spoil_headers(request, rng)
    return request


def _headers(visitors: Visitors, role: str) -> list[tuple[str, str]]:
    return [("Host", f"{LOOPBACK}:{visitors.port}"), ("Cookie", visitors.cookies(role)), ("X-CSRFToken", TOKEN)]


def _pairs(known: dict[str, str], rng: random.Random, junk: tuple[str, ...]) -> str:
    """A query or form: what the page has, with some values strange, some missing, and names that it has not."""
    spoil = rng.choice((0.0, 0.1, 0.3, 1.0))
    pairs = [
        (name, strange(rng) if rng.random() < spoil else value) for name, value in known.items() if "csrf" not in name
    ]
    pairs = [pair for pair in pairs if rng.random() < 0.95]
    pairs += [(rng.choice(junk), strange(rng)) for _ in range(rng.choice((0, 1, 1, 2, 3)))]
    rng.shuffle(pairs)
    pairs += [("csrfmiddlewaretoken", TOKEN)]
    text = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in pairs)
    return text + (rng.choice(ENDS) if rng.random() < 0.05 else "")


def _add_body(request: Request, schema: Schema, rng: random.Random) -> None:
    kind = rng.random()
    body = _pairs(schema.fields, rng, JUNK_NAMES).encode()
    if kind < 0.7:
        content_type = FORM
    elif kind < 0.9:
        content_type, body = "multipart/form-data; boundary=x", _multipart(schema.fields, rng)
    else:
        content_type = rng.choice(
            ("application/json", "text/plain", "", "x" * 300, "multipart/form-data", "a/b; c*=x''%ff")
        )
        body = rng.choice((b"{}", b"[", b"\xff\x00", b"{" * 5_000, body))
    if rng.random() < 0.1:
        content_type += f"; charset={rng.choice(CHARSETS)}"
    length = str(len(body)) if rng.random() < 0.97 else rng.choice(("0", str(len(body) // 2), "-1", "abc", "1e3"))
    request.body = body
    request.headers += [("Content-Type", content_type), ("Content-Length", length)]


def _multipart(fields: dict[str, str], rng: random.Random) -> bytes:
    parts = []
    for name, value in fields.items():
        file = rng.choice(("", "", "", "; filename=a"))
        sent = strange(rng) if rng.random() < 0.3 and "csrf" not in name else value
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append((head + sent).encode("utf-8", "surrogatepass"))
    whole = b"\r\n".join(parts) + b"\r\n--x--\r\n"
    return whole if rng.random() < 0.7 else whole[: rng.randrange(len(whole))]


def _spoil_headers(request: Request, rng: random.Random) -> None:
    """In one request of three, one header is strange."""
    value = strange(rng)[:1_000].replace("\r", "").replace("\n", "").replace("\0", "")
    choices = {
        "Host": rng.choice(("evil.example", "", "[::1", "a b", value)),
        "Cookie": f'{rng.choice(COOKIES)}="{rng.choice((value, *ESCAPES)).replace(";", "")}"',
        "X-CSRFToken": value,
        "Accept-Language": rng.choice(("ru", "*" * 600, "ru;q=x", "zh-" * 100, value)),
        "Accept": value, "Referer": value, "Origin": value, "X-Forwarded-For": value, "X-Forwarded-Proto": value,
        "X-Forwarded-Host": value, "If-Modified-Since": value, "If-None-Match": value, "Range": value,
        "Content-Type": f"text/html; charset={rng.choice(CHARSETS)}", "Transfer-Encoding": "chunked",
        "X-Requested-With": value, "Authorization": value, "Accept-Encoding": value, "Expect": value,
    }  # fmt: skip
    if rng.random() < 0.33:
        name = rng.choice(list(choices))
        request.headers = [each for each in request.headers if each[0] != name] + [(name, choices[name])]
