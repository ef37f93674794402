"""500 callbacks a second from one sender, behind nginx: customers who pay hardly notice."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from statistics import median

import pytest

from billing.sandbox import SandboxServer
from config.management.commands.nginxconf import CALLBACKS_PER_S
from tests.chaos.browser import browser
from tests.stack.ports import HANG_S
from tests.stopwatch import assert_quick
from tests.system.front import KEY, SECRET, Front
from tests.system.house import ROOT, csrf_token

pytestmark = pytest.mark.django_db(transaction=False)

PER_S = 500
SLOWER_AT_MOST = 1.2

SHORT_S = 5.0
TURNS, TURN_S = 4, 20.0

_numbers = count(1)


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    """With the limit for callbacks as shipped, and a provider."""
    with SandboxServer(api_key=KEY, callback_secret=SECRET) as sandbox, ExitStack() as exits:
        front = Front(exits, "flooded", SANDBOX_URL=sandbox.url)
        front.limits = {}
        front.open()
        front.manage("demoshop", "--quiet", "--stock", "100000")
        yield front


def test_few_callbacks_of_one_sender_pass_and_customers_buy_meanwhile(front: Front) -> None:
    """What passes waits for its turn before: a slow machine lets fewer pass, and never more."""
    started = time.monotonic()
    flood = start_flood(front, SHORT_S)
    purchases(front, SHORT_S)
    statuses = Counter(json.loads(flood.communicate(timeout=HANG_S)[0]))

    passed = statuses.total() - statuses["503"]
    assert 0 < passed <= CALLBACKS_PER_S * (time.monotonic() - started) + 1, statuses
    assert set(statuses) <= {"400", "503"}, statuses


@pytest.mark.campaign
@pytest.mark.alone
def test_customers_hardly_notice_a_flood_of_callbacks(front: Front) -> None:
    """Purchases with and without the flood, in turns, so that other load on the machine hits both alike."""
    calm: list[float] = []
    flooded: list[float] = []
    statuses: Counter[str] = Counter()
    buy(front)
    for _ in range(TURNS):
        calm += purchases(front, TURN_S)
        flood = start_flood(front, TURN_S)
        flooded += purchases(front, TURN_S)
        statuses += Counter(json.loads(flood.communicate(timeout=HANG_S)[0]))

    print(f"calm {figures(calm)}, flooded {figures(flooded)}, answers to callbacks {dict(statuses)}")
    assert statuses.total() > 0.9 * PER_S * TURN_S * TURNS, "the flood itself was too slow"
    assert_quick(median(flooded), SLOWER_AT_MOST * median(calm), f"the median purchase ({figures(calm)} without)")


def purchases(front: Front, seconds: float) -> list[float]:
    """One after the other; the seconds that the pages of each took."""
    until, took = time.monotonic() + seconds, []
    while time.monotonic() < until:
        took.append(buy(front))
    return took


def buy(front: Front) -> float:
    """A customer from an address of their own: catalogue, cart, checkout, and on to the provider's page."""
    number = next(_numbers)
    with browser(str(front.trusted), f"127.1.{number // 250}.{number % 250 + 1}") as http:
        started = time.perf_counter()
        catalogue = http.get(f"{front.url}/", timeout=HANG_S)
        product = re.search(r'name="product"[^>]*value="(\d+)"', catalogue.text)
        assert product, catalogue.text[:500]
        form = {"csrfmiddlewaretoken": csrf_token(catalogue), "product": product[1]}
        http.headers["Referer"] = f"{front.url}/"
        assert http.post(f"{front.url}/cart/add/", data=form, timeout=HANG_S).ok
        token = csrf_token(http.get(f"{front.url}/checkout/", timeout=HANG_S))
        form = {
            "csrfmiddlewaretoken": token,
            "email": f"c{number}@example.com",
            "name": "Ann",
            "address": "1 Main Street",
        }
        answer = http.post(f"{front.url}/checkout/", data=form, timeout=HANG_S, allow_redirects=False)
        seconds = time.perf_counter() - started
    assert answer.status_code == 302, answer.text[:500]
    return seconds


def start_flood(front: Front, seconds: float) -> "subprocess.Popen[str]":
    """A process that works only when nobody else does: a true sender has a machine of its own."""
    command = [
        "nice",
        "-n",
        "19",
        sys.executable,
        "-m",
        "tests.system.flood",
        front.url,
        str(front.trusted),
        str(PER_S),
        str(seconds),
    ]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def figures(seconds: list[float]) -> str:
    """Count, median and the slowest twentieth, in milliseconds."""
    slow = sorted(seconds)[int(len(seconds) * 0.95)]
    return f"n={len(seconds)} median={median(seconds) * 1000:.0f} ms p95={slow * 1000:.0f} ms"
