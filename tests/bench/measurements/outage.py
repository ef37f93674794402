"""One of two providers is away: what does the other notice, and what is left afterwards?"""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from billing.limits.rate import BURST_CALLS
from tests.bench.outage import Drill, Plan
from tests.system.house import House


def measure(var: Path, plan: Plan) -> Iterator[str]:
    """What an operator wants to know."""
    with House(var) as house:
        found = Drill(house, plan).run()
    yield f"{plan.payments:,} payments pending at each of two accounts, one away for {plan.outage_s:g} s ({plan.kind}),"
    yield f"at most {plan.limit_per_s} calls/s to each, and a burst of {BURST_CALLS}:"
    lags = found.lags_s
    lines: dict[str, object] = {
        "lag of the other, median and longest": f"{median(lags):.2f} s, {max(lags):.2f} s",
        "its longest, in each tenth of the time": f"{_longest_by_tenths(lags)} s",
        "its longest, while all of its own paid": f"{max(found.rush_lags_s):.2f} s",
        "calls to the one that was away": found.calls_during,
        "newcomers settled after its end": f"{found.newcomers_after_s:.1f} s",
        "all settled after its end": f"{found.settled_after_s:.1f} s",
        "busiest second, calls": found.busiest_s,
        "busiest ten seconds, calls": found.busiest_10_s,
        "payments by status": found.statuses,
        "attention, most errors, still due": f"{found.attention}, {found.most_errors}, {found.due_for_ever}",
    }
    for what, value in lines.items():
        yield f"  {what:<40} {value}"


def _longest_by_tenths(lags: list[float]) -> str:
    """Shows whether a delay had to do with the outage, or with the machine."""
    tenths = [lags[len(lags) * tenth // 10 : len(lags) * (tenth + 1) // 10] for tenth in range(10)]
    return " ".join(f"{max(each, default=0):.1f}" for each in tenths)
