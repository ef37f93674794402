"""Parses pages like a browser: their forms, with the values that a submit would send."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

PRESSED = ("submit", "image", "button", "reset")
"""Inputs that send nothing unless they are pressed."""

TICKED = ("checkbox", "radio")
"""Inputs that send something only if they are checked."""

Attributes = list[tuple[str, str | None]]


class UnexpectedPage(Exception):
    """A customer cannot continue on this page; the message says why."""


@dataclass
class Form:
    """A form's URL, its default values, and the names of all its inputs."""

    action: str
    values: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    can_be_sent: bool = True

    def offers(self, name: str) -> bool:
        """True if a value can be sent under this name."""
        return self.can_be_sent and name in self.names


class Page(HTMLParser):
    """A page of the shop or the provider; `facts` is its description list (<dt>, <dd>)."""

    def __init__(self, answer: requests.Response) -> None:
        """Raises UnexpectedPage if it is an error page."""
        super().__init__()
        if not answer.ok:
            raise UnexpectedPage(f"{answer.url} answered {answer.status_code}")
        self.url = answer.url
        self.forms: list[Form] = []
        self.facts: dict[str, str] = {}
        self._text, self._term = "", ""
        self.feed(answer.text)

    def forms_with(self, name: str) -> list[Form]:
        """The forms that can send a value under this name. Raises UnexpectedPage if there is none."""
        found = [form for form in self.forms if form.offers(name)]
        if not found:
            raise UnexpectedPage(f"{self.url} has no form with {name!r}")
        return found

    def forms_to(self, ending: str) -> list[Form]:
        """The forms whose URL has this ending."""
        return [form for form in self.forms if form.action.endswith(ending)]

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = {name: value or "" for name, value in attrs}
        self._text = ""
        if tag == "form":
            self.forms.append(Form(urljoin(self.url, given.get("action", ""))))
        elif tag in ("input", "button", "textarea", "select") and self.forms:
            self._note(self.forms[-1], tag, given)

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "dt":
            self._term = self._text.strip()
        elif tag == "dd":
            self.facts[self._term] = self._text.strip()

    def _note(self, form: Form, tag: str, given: dict[str, str]) -> None:
        """A form with a disabled button cannot be sent."""
        if tag == "button" and "disabled" in given:
            form.can_be_sent = False
        if name := given.get("name"):
            form.names.add(name)
            kind = given.get("type", "text")
            if tag == "input" and kind in TICKED and "checked" in given:
                form.values[name] = given.get("value", "on")
            elif tag == "input" and kind not in (*PRESSED, *TICKED):
                form.values[name] = given.get("value", "")
