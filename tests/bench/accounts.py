"""Two accounts of one provider under 32 threads: 10,000 calls, and how many went out with the other's key."""

import django
from django.conf import settings

CALLS = 10_000


def main() -> None:
    """One line for each provider that has a stand-in."""
    django.setup()
    from tests.conformance.accounts import THREADS, mix
    from tests.conformance.cases import CASES
    from tests.conformance.cases.case import StandInCase

    settings.PAYMENT_API_TIMEOUT_S = 30  # caller and provider share this process
    print(f"Two accounts of one provider, {THREADS} threads, {CALLS:,} calls:")
    for kind in CASES.values():
        if issubclass(kind, StandInCase):
            with kind() as case:
                found = mix(case, CALLS)
            calls = " + ".join(f"{count:,}" for count in found.calls)
            print(
                f"  {kind.provider:<38} {calls} calls, {found.with_a_wrong_key} with a wrong key, {found.seconds:.1f} s"
            )


if __name__ == "__main__":
    main()
