"""`make audit`: asks for known vulnerabilities of what production installs, by pip-audit and the data of PyPI.

Ends with 1 if one is known. Without the data it says how many it has asked about, and ends with 0.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent / "runtime.txt"
OPTIONS = ["--require-hashes", "--disable-pip", "--progress-spinner=off", "--format=json", "--timeout=5"]
TIMEOUT_S = 25


def main() -> int:
    """The exit status; what was found is printed."""
    try:
        asked = [found for found in _ask() if "skip_reason" not in found]
    except (subprocess.TimeoutExpired, ValueError):
        asked = []
    known = [_told(each, bug) for each in asked for bug in each["vulns"]]
    print(
        "\n".join(known)
        or f"pip-audit: {len(asked)} of {_locked()} locked packages checked, no vulnerability is known."
    )
    return bool(known)


def _ask() -> list[dict[str, Any]]:
    """Raises ValueError where pip-audit ended without an answer, and TimeoutExpired."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), *OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    return found


def _told(package: dict[str, Any], bug: dict[str, Any]) -> str:
    mended = ", ".join(bug["fix_versions"]) or "no version"
    return f"{package['name']} {package['version']}: {bug['id']}, mended in {mended}"


def _locked() -> int:
    return sum("==" in line for line in LOCK.read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    sys.exit(main())
