"""Two accounts of one provider under 32 threads: how many calls went out with the other's key?"""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.ground import environment, results


def measure(var: Path) -> Iterator[str]:
    """Both accounts call the provider's stand-in; the stand-in counts whose key came."""
    heading, *providers = results(environment(var, f"sqlite:///{var}/accounts.sqlite3"), "accounts")
    yield f"Two accounts of one provider, {heading['threads']} threads, {heading['calls']:,} calls:"
    for each in providers:
        calls = " + ".join(f"{count:,}" for count in each["calls"])
        yield f"  {each['provider']:<38} {calls} calls, {each['wrong']} with a wrong key, {each['seconds']:.1f} s"
