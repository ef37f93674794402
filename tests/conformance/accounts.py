"""Two accounts of one provider, many threads: does every call go out with its own account's key?"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.conformance.cases.case import StandInCase

THREADS = 32


@dataclass(frozen=True)
class Mixing:
    """What the provider counted."""

    calls: tuple[int, int]
    with_a_wrong_key: int
    seconds: float


def mix(case: StandInCase, calls: int) -> Mixing:
    """Half of the calls are each account's, in turns; each asks for a payment that only its own account has."""
    adapters = [case.adapter(number) for number in (0, 1)]
    refs = [case.made_payment(adapter).provider_ref for adapter in adapters]
    case.stand_in.requests.clear()
    case.stand_in.calls.clear()
    asks = [_asking(adapters[number % 2].status, refs[number % 2]) for number in range(calls)]
    started = time.monotonic()
    with ThreadPoolExecutor(THREADS) as threads:
        answered = sum(threads.map(lambda ask: ask(), asks))
    return Mixing(
        calls=(_asked_for(case, refs[0]), _asked_for(case, refs[1])),
        with_a_wrong_key=calls - answered + _with_keys_mixed(case, refs),
        seconds=time.monotonic() - started,
    )


def _asking(status: Callable[[str], object], ref: str) -> Callable[[], int]:
    def ask() -> int:
        status(ref)  # raises NotFound where the other account's key went out
        return 1

    return ask


def _asked_for(case: StandInCase, ref: str) -> int:
    return sum(request.path.endswith(ref) for request in case.stand_in.requests)


def _with_keys_mixed(case: StandInCase, refs: list[str]) -> int:
    """Each payment was asked for with one key; any other one is too many."""
    keys = [{each.authorization for each in case.stand_in.requests if each.path.endswith(ref)} for ref in refs]
    return len(keys[0] & keys[1]) + sum(len(each) - 1 for each in keys)
