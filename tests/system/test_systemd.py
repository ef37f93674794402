"""deploy/systemd: judged by systemd's own tools, and run as systemd would run it, by a user who may do nothing."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests

from tests.stack.ports import HANG_S, wait_until
from tests.stack.processes import Program
from tests.stack.programs import find_systemd
from tests.stack.systemd import Notified, listening
from tests.stack.units import MOVED, UNITS, Unit
from tests.system.house import ROOT, START_S, House, Placed, http
from tests.system.installed import Installed, installed

SERVICES = (
    "tillkeeper-web.service",
    "tillkeeper-worker@urgent.service",
    "tillkeeper-worker@routine.service",
    "tillkeeper-scheduler@1.service",
)
WORKER = "tillkeeper-worker@urgent.service"
IN_FLIGHT_MS = 1_500


@pytest.fixture(scope="module")
def release(_house: House) -> Iterator[Installed]:
    """Laid out once."""
    with installed(_house) as found:
        yield found


class Running:
    """A unit that runs, and what it told."""

    def __init__(self, unit: Unit, program: Program, systemd: Notified) -> None:
        self.unit, self.program, self.systemd = unit, program, systemd

    def wait_until_ready(self) -> None:
        """Return once it said READY; whoever never does has written why."""
        told = self.systemd
        with suppress(TimeoutError):
            wait_until(lambda: "READY=1" in told.words or not self.program.alive, "it was ready", START_S)
        assert "READY=1" in told.words, f"{self.unit.name} was never ready:\n{self.program.last_lines()}"


@contextmanager
def running(release: Installed, house: House, *names: str) -> Iterator[dict[str, Running]]:
    """The units, each of which has said READY."""
    house.run()
    parts: dict[str, Running] = {}
    with ExitStack() as exits:
        for name in names:
            unit, systemd = Unit(release.root, name), exits.enter_context(listening())
            program = exits.enter_context(unit.program(systemd, house.directory / f"{name}.log"))
            parts[name] = Running(unit, program, systemd)
        for part in parts.values():
            part.wait_until_ready()
        yield parts


# --- systemd's own judgement -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the units in it, and with what they run."""
    root = tmp_path_factory.mktemp("judged")
    shutil.copytree(ROOT / "deploy/systemd", root / UNITS)
    for program in ("opt/tillkeeper/current/.venv/bin/python", "bin/kill"):
        (root / program).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", root / program)
    return root


def analyze(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    """Ask systemd, which need not run."""
    return subprocess.run([find_systemd(), *words], capture_output=True, text=True, check=False, timeout=HANG_S)


@pytest.mark.parametrize("name", ["tillkeeper.target", *SERVICES])
def test_systemd_understands_every_line(judged: Path, name: str) -> None:
    """No unknown key, no value it would ignore."""
    done = analyze("verify", f"--root={judged}", "--recursive-errors=no", "--man=no", name)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_misspelt_line_would_be_found(judged: Path, tmp_path: Path) -> None:
    """The check can fail."""
    root = tmp_path / "root"
    shutil.copytree(judged, root)
    unit = root / UNITS / "tillkeeper-web.service"
    unit.write_text(unit.read_text().replace("MemoryMax=", "MemroyMax="))
    assert "MemroyMax" in analyze("verify", f"--root={root}", "--recursive-errors=no", "--man=no", SERVICES[0]).stderr


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_shut_in(judged: Path, name: str) -> None:
    """Of 100 points of exposure 20 at the most; without the drop-in it would be more than 90."""
    done = analyze("security", "--offline=true", f"--root={judged}", "--threshold=20", name)
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_service_that_is_not_shut_in_would_be_found(judged: Path, tmp_path: Path) -> None:
    """The check can fail."""
    root = tmp_path / "root"
    shutil.copytree(judged, root)
    shutil.rmtree(root / UNITS / "tillkeeper-.service.d")
    assert analyze("security", "--offline=true", f"--root={root}", "--threshold=20", WORKER).returncode != 0


@pytest.mark.parametrize("name", SERVICES[1:3])
def test_a_worker_has_time_to_finish_what_it_began(judged: Path, name: str) -> None:
    """systemd's patience is longer than the worker's own."""
    unit = Unit(judged, name)
    found = re.search(r"--worker-shutdown-timeout (\d+)", unit.value("ExecStart"))
    assert found
    assert unit.seconds_to_stop >= int(found[1]) / 1000 + 30


# --- make install ----------------------------------------------------------------------------------------------------


def test_a_release_is_laid_out_whole(release: Installed) -> None:
    """Code, environment, units and examples; secrets where only root can look."""
    assert os.readlink(release.root / "opt/tillkeeper/current").startswith("releases/")
    home = release.root / "opt/tillkeeper/releases/1.0"
    assert (home / "RELEASE").read_text() == "1.0\n"
    assert not (home / "tests").exists()
    assert stat.S_IMODE((release.etc / "secrets").stat().st_mode) == 0o700
    assert (release.etc / "operators.conf").read_text() == (ROOT / "deploy/nginx/operators.conf").read_text()
    assert str(release.root) not in (home / ".venv/bin/dramatiq").read_text()  # it may be moved


@pytest.mark.campaign
def test_whoever_runs_a_release_can_read_it(release: Installed) -> None:
    """Root may be careful with its files: the release is another user's to run."""
    done = release.lay_out("1.0-careful", umask=0o077)
    assert done.returncode == 0, done.stderr
    home = release.root / "opt/tillkeeper/releases/1.0-careful"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home, home / "config", home / ".venv/bin")} == {0o755}
    assert stat.S_IMODE((home / "RELEASE").stat().st_mode) == 0o644


def test_without_its_python_nothing_is_laid_out(release: Installed) -> None:
    """One sentence, and no half of a release."""
    done = release.lay_out("1.0-nothing", python="/nowhere/python3")
    assert done.returncode != 0
    assert done.stderr == "There is no /nowhere/python3: write PYTHON=/usr/bin/python3, or another of 3.11 to 3.14.\n"

    broken = release.root / "broken-python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    done = release.lay_out("1.0-nothing", python=str(broken))
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("There is no new release: its environment could not be made")
    assert not list((release.root / "opt/tillkeeper/releases").glob("*1.0-nothing*"))


@pytest.mark.campaign
def test_the_proxy_finds_the_static_files(release: Installed) -> None:
    """Another user's: the way to them is open by name, whatever umask the shop has that made the directory first."""
    unit = Unit(release.root, SERVICES[0])
    assert int(unit.value("StateDirectoryMode"), 8) & 0o007 == 0o001
    with tempfile.TemporaryDirectory() as var:
        command = f"umask {unit.value('UMask')}; exec {sys.executable} {ROOT / 'manage.py'} check"
        subprocess.run(["sh", "-c", command], env={"VAR_DIR": var}, capture_output=True, check=True, timeout=HANG_S)
        assert stat.S_IMODE((Path(var) / "static").stat().st_mode) == 0o755


@pytest.mark.campaign
def test_a_release_never_changes(release: Installed) -> None:
    """Neither by a second install; what an operator has written stays."""
    kept = [release.etc / "tillkeeper.env", release.root / "etc/logrotate.d/tillkeeper"]
    kept[1].write_text("# rotated elsewhere\n")
    before = [file.read_text() for file in kept]
    done = release.lay_out("1.0")
    assert done.returncode != 0
    assert "a release never changes: write another name" in done.stderr

    assert release.lay_out("1.1").returncode == 0
    assert os.readlink(release.root / "opt/tillkeeper/current") == "releases/1.1"
    assert [file.read_text() for file in kept] == before


def test_a_release_needs_a_name_that_is_one(release: Installed) -> None:
    """It becomes a directory."""
    done = release.lay_out("../elsewhere")
    assert done.returncode != 0
    assert "write a name like 1.4.0" in done.stderr


def test_a_shell_on_the_host_runs_commands(release: Installed, house: House) -> None:
    """As the runbook opens it, with the settings and secrets of the services; nothing is written into the release."""
    for secrets in (release.etc / "supervisor.env", release.etc / "owner.env"):
        secrets.write_text(MOVED.sub(f"{release.root}/", secrets.read_text()))
    runbook = (release.root / "opt/tillkeeper/current/deploy/RUNBOOK.md").read_text()
    opened = re.search(r"## Your shell\n\n.*?\n\n((?: {4}[^\n]+\n)+)", runbook, re.DOTALL)
    assert opened
    script = MOVED.sub(f"{release.root}/", opened[1]) + "manage.py checkservices && manage.py payments list"
    done = subprocess.run(["bash", "-c", script], env={"PATH": os.defpath}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (release.root / "opt/tillkeeper/current/var").exists()
    assert not (release.root / "var/lib/tillkeeper/secret-key").exists(), (
        "the services have theirs, and could not read it"
    )


def test_make_installs() -> None:
    """With the words an operator types."""
    words = ["make", "--dry-run", "install", "DESTDIR=/tmp/root", "RELEASE=1.0", "PYTHON=python3"]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 'deploy/install.py "/tmp/root" "1.0" --python "python3"' in told


# --- run -------------------------------------------------------------------------------------------------------------


def test_the_shop_runs_by_its_units(release: Installed, house: House) -> None:
    """Each says READY, answers on its own port, and runs as nobody; an order goes through; each ends by itself."""
    with running(release, house, *SERVICES) as parts:
        for name in release.ports:
            assert http().get(f"{release.url(name)}/readyz", timeout=HANG_S).status_code == 200
        if os.geteuid() == 0:
            assert {process.username() for part in parts.values() for process in part.program.members()} == {"nobody"}
        orders = house.place(2)
        house.pay(orders)
        house.wait_until_settled(orders)
        house.assert_paid_and_mailed_once(orders)
        assert {name: part.unit.stop(part.program) for name, part in parts.items()} == dict.fromkeys(SERVICES, 0)


@pytest.mark.campaign
def test_no_secret_stands_in_the_environment(release: Installed, house: House) -> None:
    """Credentials come as files, which other users cannot read in /proc."""
    with running(release, house, WORKER) as parts:
        environment = str(parts[WORKER].program.env)
        assert house.environment["SECRET_KEY"] not in environment
        assert house.environment["DATABASE_URL"] not in environment
        assert parts[WORKER].systemd.silent_s() < float(parts[WORKER].unit.value("WatchdogSec"))


@pytest.mark.campaign
@pytest.mark.parametrize("how", [Unit.stop, Unit.reload], ids=["stop", "reload"])
def test_a_job_under_way_is_finished(release: Installed, house: House, how: Callable[[Unit, Program], object]) -> None:
    """The worker is told while the provider is being asked: the answer is written down all the same."""
    with running(release, house, "tillkeeper-web.service", WORKER, "tillkeeper-scheduler@1.service") as parts:
        worker = parts[WORKER]
        order = paid_and_asked_about(house)
        pid, told = worker.program.pid, len(worker.systemd.words)

        how(worker.unit, worker.program)

        wait_until(lambda: status_of(house, order) == "succeeded", "the answer was written down")
        if how is Unit.reload:
            wait_until(lambda: "READY=1" in worker.systemd.words[told:], "it was ready again", START_S)
            assert (worker.program.alive, worker.program.pid) == (True, pid)
            house.provider.clear_faults()
            after = house.place(1)
            house.pay(after)
            wait_until(lambda: status_of(house, after[0]) == "succeeded", "it works on")


@pytest.mark.campaign
def test_the_web_reads_its_code_anew_without_a_refusal(release: Installed, house: House) -> None:
    """`systemctl reload`: new processes, and whoever asks meanwhile is served."""
    name = "tillkeeper-web.service"
    with running(release, house, name) as parts:
        web = parts[name]
        before = _children(web.program)
        web.unit.reload(web.program)
        answers = []

        def renewed() -> bool:
            answers.append(_status(house.url))
            return bool(_children(web.program)) and not _children(web.program) & before

        wait_until(renewed, "new processes took over", START_S)
        assert set(answers) == {200}


@pytest.mark.campaign
@pytest.mark.parametrize("name", [SERVICES[0], WORKER])
def test_a_reload_brings_the_new_release(house: House, name: str) -> None:
    """The code to which `current` points: it is not what the first process once loaded."""
    with installed(house) as release, running(release, house, name) as parts:
        part = parts[name]
        assert release.lay_out("2.0").returncode == 0
        code = release.root / "opt/tillkeeper/releases/2.0/config/health/process.py"
        code.write_text(code.read_text().replace('"STATUS=ready"', '"STATUS=ready by 2.0"'))

        part.unit.reload(part.program)

        part.systemd.wait_for("STATUS=ready by 2.0", START_S)
        assert part.program.alive


def test_a_missing_secret_keeps_a_service_from_starting(release: Installed, house: House) -> None:
    """With a sentence that says which, and without READY."""
    unit = Unit(release.root, WORKER)
    with listening() as systemd:
        program = unit.program(systemd, house.directory / "no-secret.log")
        (release.root / "run/credentials" / WORKER / "secret-key").unlink()
        with program:
            assert program.wait(START_S) != 0
        assert "SECRET_KEY" in program.output()
        assert "READY=1" not in systemd.words


def paid_and_asked_about(house: House) -> Placed:
    """An order whose money has come, and whose provider is being asked about it: IN_FLIGHT_MS pass until it answers."""
    house.provider.callbacks(lose_all=True)
    order = house.place_one()
    house.provider.fault("status", "delay", delay_ms=IN_FLIGHT_MS)
    before = len(house.asked(order))  # a look that began before the payment may find it still pending
    house.pay([order])
    wait_until(
        lambda: len(house.asked(order)) > before or status_of(house, order) == "succeeded",
        "the provider was being asked",
        START_S,
    )
    return order


def status_of(house: House, order: Placed) -> str:
    """Of its payment."""
    [(status,)] = house.sql("SELECT status FROM billing_payment WHERE reference = %s", order.public_id)
    return str(status)


def _children(program: Program) -> set[int]:
    return {child.pid for child in psutil.Process(program.pid).children()}


def _status(url: str) -> int:
    try:
        return http().get(f"{url}/healthz", timeout=START_S).status_code
    except requests.RequestException:
        return 0
