"""What the shipped rules make of real pages of metrics: promtool plays the time before a fault and during it."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.metrics import Page
from tests.monitoring import PROMETHEUS, document
from tests.stack.ports import HANG_S
from tests.stack.programs import find_promtool

BEFORE_MIN, AFTER_MIN = 30, 8
"""Rules look back for up to 15 minutes, and take a counter that is younger for new; the slowest alert about a fault
waits for 5."""

NEW = """group by (alertname) (ALERTS{{alertstate="firing"}})
unless group by (alertname) (ALERTS{{alertstate="firing"}} offset {minutes}m)"""

Values = dict[str, float]


def tool(*words: object) -> str:
    """What a program has to say about the shipped files; an empty text if it is content."""
    done = subprocess.run(
        [str(word) for word in words], cwd=PROMETHEUS, capture_output=True, text=True, timeout=HANG_S, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def alerts_of(before: Mapping[str, Page], after: Mapping[str, Page]) -> set[str]:
    """The alerts that fire once the pages of `before`, by job, have changed to those of `after`, and did not before."""
    old, new = _values(before), _values(after)
    interval = document("prometheus.yml")["global"]["evaluation_interval"]
    nothing = {"labels": '{alertname="expected"}', "value": 1}  # never true: promtool says what it got instead
    test = {
        "interval": interval,
        "input_series": [
            {"series": name, "values": f"{_lasting(old, name, BEFORE_MIN)} {_lasting(new, name, AFTER_MIN)}"}
            for name in old | new
        ],
        "promql_expr_test": [
            {
                "expr": NEW.format(minutes=AFTER_MIN + 1),
                "eval_time": f"{BEFORE_MIN + AFTER_MIN - 1}m",
                "exp_samples": [nothing],
            }
        ],
    }
    rules = [str(PROMETHEUS / name) for name in document("prometheus.yml")["rule_files"]]
    with TemporaryDirectory() as directory:
        file = Path(directory, "test.yml")
        file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": interval, "tests": [test]}))
        said = tool(find_promtool(), "test", "rules", file)
    print(said)
    return set(re.findall(r'alertname="(\w+)"', said.split("got:")[1]))


def _values(pages: Mapping[str, Page]) -> Values:
    """By series, as Prometheus keeps them: with job and instance, and whether each part answers."""
    found: Values = {}
    for job in document("prometheus.yml")["scrape_configs"]:
        [instance] = job["static_configs"][0]["targets"]
        own = {"job": job["job_name"], "instance": instance}
        found[_series("up", own)] = 1.0
        if page := pages.get(job["job_name"]):
            found |= {_series(sample.name, sample.labels | own): sample.value for sample in page.samples}
    return found


def _series(name: str, labels: Mapping[str, str]) -> str:
    return f"{name}{{{', '.join(f'{label}={json.dumps(value)}' for label, value in labels.items())}}}"


def _lasting(values: Values, name: str, minutes: int) -> str:
    """One value every ten seconds."""
    times = minutes * 6
    return f"{values[name]}x{times - 1}" if name in values else f"_x{times}"
