"""What the people of a run use: a browser that tries again, as people do, and notes each failed request to the shop."""

import random
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter

from tests.chaos.notes import Notes
from tests.demo.pages import Form

ANSWER_WITHIN_S = 30.0

PATIENCE_S = 120.0
"""How long a person tries to get a page: longer than any fault of the plan lasts."""

TRIES_AGAIN_S = (1.0, 3.0)

THINKS_S = (0.05, 0.5)

TRY_AGAIN = re.compile(r"try again|попробуйте|повторите|ещё раз", re.IGNORECASE)

SHOPS_CLOTHES = "Till Coffee"


def browser(trusted: str | bool = True, address: str = "") -> requests.Session:
    """Without the proxies of this machine; `trusted` is a file of authorities, `address` where connections come from.

    A connection is kept only by people at nginx: the web may end at any moment, and that is no failed request.
    """
    session = requests.Session()
    session.trust_env, session.verify = False, trusted
    if address:
        session.mount("https://", From(address))
    else:
        session.headers["Connection"] = "close"
    return session


class From(HTTPAdapter):
    """Connections from this address."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Of urllib3, which binds the address."""
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)


class GaveUp(Exception):
    """A page did not come as long as the person was patient."""


class Unknown(Exception):
    """The answer to a form did not come: it may have been carried out."""


class Browser:
    """What the people of a run use: it follows redirects by itself, and notes each failed request to the shop."""

    def __init__(
        self,
        who: str,
        shop_url: str,
        notes: Notes,
        leaving: threading.Event,
        chance: random.Random,
        http: requests.Session | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.who, self.shop_url = who, shop_url
        self._notes, self._leaving, self._chance = notes, leaving, chance
        self._http, self.patience_s = http or browser(), patience_s
        self._http.headers["Accept-Language"] = chance.choice(("en", "ru"))

    def get(self, address: str) -> requests.Response:
        """A page of the shop or of the provider, sooner or later. Raises GaveUp."""
        give_up_at = time.monotonic() + self.patience_s
        while time.monotonic() < give_up_at:
            answer = self._ask("GET", urljoin(self.shop_url, address))
            if answer is not None and answer.status_code < 500:
                return answer
            self._wait_as_told(answer)
        raise GaveUp(f"{address} did not answer well")

    def send(self, form: Form, **filled: str) -> requests.Response:
        """Press the button once; pages that it leads to are opened with patience. Raises Unknown, GaveUp."""
        answer = self._ask("POST", form.action, form.values | filled)
        if answer is None or answer.status_code >= 500:
            self._wait_as_told(answer)
            raise Unknown(f"{form.action} answered {answer.status_code if answer is not None else 'nothing'}")
        return answer

    def twice(self, form: Form, **filled: str) -> list[requests.Response | None]:
        """Press the button twice, the second time before the first answer."""
        with ThreadPoolExecutor(2) as fingers:
            return list(fingers.map(lambda _: self._ask("POST", form.action, form.values | filled), range(2)))

    def pause(self, seconds: float) -> None:
        """Raises GaveUp at the end of the run."""
        if self._leaving.wait(seconds):
            raise GaveUp("the run is over")

    def _wait_as_told(self, answer: requests.Response | None) -> None:
        told_s = float(answer.headers.get("Retry-After", "0")) if answer is not None else 0.0
        self.pause(max(told_s, self._chance.uniform(*TRIES_AGAIN_S)))

    def think(self) -> None:
        """Read a page."""
        self.pause(self._chance.uniform(*THINKS_S))

    def _ask(self, method: str, address: str, data: Mapping[str, str] | None = None) -> requests.Response | None:
        """One request, and the pages that it leads to; None without an answer."""
        began = time.time()
        origin = {"Origin": urljoin(address, "/")[:-1]} if method == "POST" else {}
        try:
            answer = self._http.request(
                method, address, data=data, headers=origin, timeout=ANSWER_WITHIN_S, allow_redirects=False
            )
        except requests.RequestException:
            self._note_failure(method, address, None, began)
            return None
        if answer.is_redirect:
            return self.get(urljoin(address, answer.headers["Location"]))
        if answer.status_code >= 500:
            self._note_failure(method, address, answer, began)
        return answer

    def _note_failure(self, method: str, address: str, answer: requests.Response | None, began: float) -> None:
        if not address.startswith(self.shop_url):
            return
        self._notes.note(
            "requests",
            who=self.who,
            method=method,
            path=address.removeprefix(self.shop_url),
            status=0 if answer is None else answer.status_code,
            seconds=round(time.time() - began, 3),
            clothes=answer is not None and says_try_again(answer),
        )


def says_try_again(answer: requests.Response) -> bool:
    """To a person in the shop's clothes, or to a program as JSON."""
    if answer.headers.get("Content-Type") == "application/json":
        return TRY_AGAIN.search(str(answer.json())) is not None
    return SHOPS_CLOTHES in answer.text and TRY_AGAIN.search(answer.text) is not None
