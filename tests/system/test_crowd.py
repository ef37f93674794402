"""Fifty customers at once, on two processors."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles
from threading import Barrier

import requests

from tests.stack.ports import HANG_S
from tests.system.house import House, csrf_token, http

CUSTOMERS = 50


def test_fifty_customers_at_once_get_every_page_and_every_order(full_house: House) -> None:
    """Each opens the shelf, a product, the cart and the checkout, all in the same moment; nobody sees an error."""
    door = Barrier(CUSTOMERS)
    full_house.page("/")  # a process that has just started compiles its templates

    with ThreadPoolExecutor(CUSTOMERS) as crowd:
        visits = list(crowd.map(lambda number: visit(full_house, door, number), range(CUSTOMERS)))

    [(placed,)] = full_house.sql("SELECT count(*) FROM commerce_order WHERE email LIKE 'crowd-%%'")
    assert placed == CUSTOMERS
    seconds = [one for visit in visits for one in visit]
    steps = quantiles(seconds, n=20)
    print(f"\n{len(seconds)} requests: p50 {steps[9] * 1000:.0f} ms, p95 {steps[18] * 1000:.0f} ms")


def visit(house: House, door: Barrier, number: int) -> list[float]:
    """One customer, from the shelf to the provider; returns how long each of the shop's answers took."""
    seconds: list[float] = []

    def timed(ask: Callable[..., requests.Response], path: str, **more: object) -> requests.Response:
        started = time.perf_counter()
        answer = ask(house.url + path, timeout=HANG_S, allow_redirects=False, **more)
        seconds.append(time.perf_counter() - started)
        assert answer.status_code < 400, f"{answer.status_code} {path}"
        return answer

    with http() as browser:
        door.wait(HANG_S)
        timed(browser.get, "/")
        page = timed(browser.get, "/products/espresso/")
        [(product,)] = house.sql("SELECT id FROM commerce_product WHERE slug = 'espresso'")
        form = {"csrfmiddlewaretoken": csrf_token(page), "product": str(product), "quantity": "2"}
        timed(browser.post, "/cart/add/", data=form)
        timed(browser.get, "/cart/")
        page = timed(browser.get, "/checkout/")
        form = {"email": f"crowd-{number}@example.com", "name": "Ann", "address": "1 Main Street"}
        answer = timed(browser.post, "/checkout/", data={"csrfmiddlewaretoken": csrf_token(page), **form})
    assert answer.status_code == 302, answer.text[:500]
    return seconds
