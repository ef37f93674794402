"""A run: learn what the pages have, then send the planned requests from several threads."""

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.fuzz import rows
from tests.fuzz.plan import Schema, hostile, plain
from tests.fuzz.shop import Shop
from tests.fuzz.tally import Tally
from tests.fuzz.targets import Target, targets
from tests.fuzz.visitors import Answer, Request, Visitors

REFILL_EVERY = 2_000
"""Requests after which rows are made anew: some of them delete rows."""

FORMS_FROM = ("anonymous", "customer", "superuser")


def run(shop: Shop, seed: int, requests: int, threads: int) -> Tally:
    """Every URL gets the same share of the requests."""
    rows.refill()
    visitors, found = Visitors(shop.port), targets()
    tally = Tally(shop.port, found)
    schemas = [_learned(target, visitors, tally, random.Random(f"{seed}:{target.template}")) for target in found]
    work = partial(_send, visitors, tally, schemas, seed)
    for first in range(0, requests, REFILL_EVERY):
        with ThreadPoolExecutor(threads) as senders:
            list(senders.map(work, range(first, min(first + REFILL_EVERY, requests))))
        _refill(schemas)
        print(f"{min(first + REFILL_EVERY, requests)} sent, {len(tally.failures)} failed", flush=True)
    tally.log, tally.closed = shop.errors(), rows.closed_to_all()
    return tally


def _learned(target: Target, visitors: Visitors, tally: Tally, rng: random.Random) -> Schema:
    """What the target's page shows to a guest, a customer and the superuser."""
    schema = Schema(target, rows.valid(target))
    for role in FORMS_FROM:
        if "logout" not in target.template or role == "anonymous":
            request = plain(schema, role, rng, visitors)
            answer = visitors.send(request)
            tally.add(target, request, answer)
            schema.learn(answer.body)
    return schema


def _send(visitors: Visitors, tally: Tally, schemas: list[Schema], seed: int, number: int) -> None:
    schema = schemas[number % len(schemas)]
    request = hostile(schema, number, seed, visitors)
    answer = visitors.send(request)
    tally.add(schema.target, request, answer)
    if _may_have_lost_session(schema.target, request, answer):
        visitors.renew(request.role)


def _may_have_lost_session(target: Target, request: Request, answer: Answer) -> bool:
    """After a logout, a new password, or a refusal that may mean lost rights."""
    ended = any(word in target.template for word in ("logout", "login", "password", "auth/user"))
    return request.role != "anonymous" and (answer.refuses_permission or (ended and request.method == "POST"))


def _refill(schemas: list[Schema]) -> None:
    rows.refill()
    for schema in schemas:
        schema.refresh()
