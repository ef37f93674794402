"""Values that are at the edge, wrong or hostile; and text as it stands in a URL."""

import random
from urllib.parse import quote

BIGINT = 2**63 - 1

EDGES = (
    "", " ", "0", "1", "-1", "2", "00", "1.5", "1e3", "NaN", str(2**31), str(BIGINT), str(BIGINT + 1), "9" * 30,
    "9" * 5_000, "٣", "²", "½", "on", "true", "null", "None", "[]", "{}", "all",
    "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "2026-02-31", "2026-02-28", "24:00", "1970-01-01 00:00:00",
    "en", "ru", "xx", "EUR", "XXX", "ann@example.com", "ann@" + "x" * 300 + ".com", "ann@[127.0.0.1]", "ann@xn--a.com",
)  # fmt: skip

HOSTILE = (
    "a\0b", "\r\nSet-Cookie: a=b", "\n", "\x1b[2J", "\x7f", "\x80", "\ufeff", "\u202eabc", "\ud800", "\U0010ffff",
    "' OR 1=1 --", '"; DROP TABLE commerce_order; --', "<script>alert(1)</script>", "{{ 7|add:7 }}", "%s%n%x", "%",
    "_", "\\", "../../etc/passwd", "..%2f..", "//evil.example", "https://evil.example/", "javascript:alert(1)", "///",
    "http://[::1", "_00", "_0A", "_5F", "%00", "x" * 300, "x" * 6_000, "☕", "a\u0301", "İ", "ß", "١٢", "-" * 100,
    "1:2", ":", "::", "a:b:c", "1:which=%ff", "payment:1", "since:" + "9" * 20 + "d", "(" * 200, "[" * 200, "*", ",",
    "__", "id__in", "password", "1,2,x", ",".join(["1"] * 2_000), " ".join(["1"] * 300),
)  # fmt: skip

JUNK_NAMES = (
    "q", "page", "p", "o", "e", "all", "next", "as", "part", "which", "status", "sort", "range", "from", "to", "key",
    "why", "_popup", "_to_field", "_changelist_filters", "action", "_selected_action", "index", "select_across",
    "id__in", "id__exact", "pk", "user__password__startswith", "customer__password", "status__exact", "day__gte",
    "placed_at__day", "order__id__exact", "created_from", "created_to", "amount_from", "amount_to", "currency",
    "account", "app_label", "model_name", "field_name", "term", "form-TOTAL_FORMS", "form-INITIAL_FORMS", "_save",
    "_continue", "_addanother", "_saveasnew", "post", "language", "", "x" * 300, "a[b]", "☕", "is_active__exact",
)  # fmt: skip

CHARSETS = ("utf-8", "idna", "utf-7", "utf-16", "hex", "undefined", "punycode", "unknown", "latin-1", "\xff")


def strange(rng: random.Random) -> str:
    """A value at the edge, a hostile one, or two of them together."""
    kind = rng.random()
    if kind < 0.45:
        return rng.choice(EDGES)
    if kind < 0.9:
        return rng.choice(HOSTILE)
    return rng.choice(EDGES) + rng.choice(HOSTILE)


def quoted(text: str, safe: str = "") -> str:
    """As it stands in a URL or a form. A lone surrogate becomes bytes that are no UTF-8."""
    return quote(text.encode("utf-8", "surrogatepass"), safe)
