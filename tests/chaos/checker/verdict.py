"""The words and the numbers of a run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.checker import goods, mails, money, refunds, reports
from tests.chaos.checker.evidence import UNFINISHED, WORDS, Evidence, Finding

FINE, NOT_FINE, NOT_FINISHED = 0, 1, 2

RULES = (*money.RULES, *refunds.RULES, *goods.RULES, *mails.RULES)

STATES = ("paid", "delivered", "refunded", "canceled", "expired")


@dataclass(frozen=True)
class Verdict:
    """What all rules found."""

    found: Evidence
    findings: Sequence[Finding]

    @property
    def status(self) -> int:
        """The exit status: something contradicts; nothing does, but the run is not finished; all is well."""
        words = {finding.word for finding in self.findings}
        if words - {UNFINISHED}:
            return NOT_FINE
        return NOT_FINISHED if words or not self.found.at_rest else FINE

    def last_line(self) -> str:
        """The result in numbers."""
        states = Counter(order["status"] for order in self.found.orders().values())
        words = Counter(finding.word for finding in self.findings)
        numbers: dict[str, object] = {"placed": sum(states.values())}
        numbers |= {state: states[state] for state in STATES}
        numbers |= {"mailed": len(self.found.noted("mails"))}
        numbers |= {word: words[word] for word in WORDS}
        numbers |= reports.numbers(self.found)
        return "chaos: " + " ".join(f"{name}={value}" for name, value in numbers.items())


def judge(found: Evidence) -> Verdict:
    """Ask every rule. Where books and tables do not belong together, nothing contradicts."""
    findings = [finding for rule in RULES for finding in rule(found)]
    if not found.run.get("consistent", True):
        findings = [Finding(UNFINISHED, each.about, each.text) for each in findings]
    return Verdict(found, findings)
