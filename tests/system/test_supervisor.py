"""deploy/supervisor: the configuration, run by supervisor itself, with its paths below a release's root."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.stack.ports import HANG_S, wait_until
from tests.stack.processes import Program
from tests.stack.units import MOVED, NOBODY, give_to_nobody
from tests.system.house import START_S, House, http
from tests.system.installed import SECRETS, Installed, installed
from tests.system.test_systemd import paid_and_asked_about, status_of

URGENT = "tillkeeper:worker-urgent"
PARTS = {"tillkeeper:web", URGENT, "tillkeeper:worker-routine", "tillkeeper:scheduler"}


class Supervisor:
    """supervisord with our configuration, and supervisorctl."""

    def __init__(self, release: Installed, directory: Path) -> None:
        self.release = release
        self.main = directory / "supervisord.conf"
        ours = release.root / "etc/supervisor/conf.d/tillkeeper.conf"
        user = f"user={NOBODY}" if os.geteuid() == 0 else ""
        for file in (ours, release.etc / "supervisor.env"):
            file.write_text(MOVED.sub(f"{release.root}/", file.read_text()).replace("user=tillkeeper", user))
        self.main.write_text(MAIN.format(directory=directory, files=ours))
        command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(self.main)]
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        self.program = Program("supervisord", command, environment, directory, directory / "supervisord.out")

    def ctl(self, *words: str) -> str:
        """What supervisorctl says."""
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self.main), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_S).stdout

    def states(self) -> dict[str, str]:
        """By name, like RUNNING."""
        lines = [line.split() for line in self.ctl("status").splitlines()]
        return {words[0]: words[1] for words in lines if words and words[0] in PARTS}

    def pid(self, name: str) -> int:
        """Of the process that supervisor has started."""
        return int(self.ctl("pid", name))

    def wait_until_ready(self) -> None:
        """All of them run and are ready."""
        urls = [f"{self.release.url(name)}/readyz" for name in self.release.ports]
        wait_until(lambda: all(_status(url) == 200 for url in urls), "all were ready", START_S)
        wait_until(lambda: set(self.states().values()) == {"RUNNING"}, "all were running", START_S, pause_s=1)


MAIN = """
[unix_http_server]
file={directory}/supervisor.sock
[supervisord]
logfile={directory}/supervisord.log
pidfile={directory}/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{directory}/supervisor.sock
[include]
files={files}
"""


@pytest.fixture(scope="module")
def supervisor(_house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """With all of the shop under it."""
    _house.run()
    with installed(_house) as release:
        for path in (release.etc / "secrets", *((release.etc / "secrets") / file for file in SECRETS.values())):
            give_to_nobody(path)
        (release.root / "var/lib/tillkeeper").mkdir(parents=True)
        give_to_nobody(release.root / "var/lib/tillkeeper")
        found = Supervisor(release, tmp_path_factory.mktemp("supervisor"))
        with found.program:
            wait_until(lambda: set(found.states()) == PARTS, "supervisor had read its configuration", START_S, 0.5)
            found.wait_until_ready()
            yield found
            found.program.stop(timeout_s=HANG_S)


@pytest.fixture
def shop(supervisor: Supervisor, house: House) -> House:
    """The house whose parts supervisor runs."""
    return house


def test_an_order_goes_through(supervisor: Supervisor, shop: House) -> None:
    """Paid, settled, mailed."""
    orders = shop.place(2)
    shop.pay(orders)
    shop.wait_until_settled(orders)
    shop.assert_paid_and_mailed_once(orders)


@pytest.mark.campaign
def test_a_stop_waits_for_what_was_begun(supervisor: Supervisor, shop: House) -> None:
    """`supervisorctl stop` returns when the worker has ended by itself, and the answer is written down."""
    order = paid_and_asked_about(shop)

    assert "stopped" in supervisor.ctl("stop", URGENT)

    assert status_of(shop, order) == "succeeded"
    assert supervisor.states()[URGENT] == "STOPPED"
    assert "stopped: worker-urgent (exit status 0)" in (supervisor.main.parent / "supervisord.log").read_text()
    shop.provider.clear_faults()
    supervisor.ctl("start", URGENT)
    supervisor.wait_until_ready()


@pytest.mark.campaign
def test_who_crashes_is_started_again(supervisor: Supervisor, shop: House) -> None:
    """The whole of it: a worker's first process takes its children along."""
    before = supervisor.pid(URGENT)
    crashed = [psutil.Process(before), *psutil.Process(before).children(recursive=True)]
    for process in crashed:
        with suppress(psutil.NoSuchProcess):  # a child may go with its parent
            process.send_signal(signal.SIGKILL)

    wait_until(lambda: supervisor.pid(URGENT) not in (0, before), "it was started again", START_S, pause_s=0.5)
    supervisor.wait_until_ready()
    orders = shop.place(1)
    shop.pay(orders)
    shop.wait_until_settled(orders)


@pytest.mark.campaign
def test_the_web_is_reloaded_without_a_gap(supervisor: Supervisor, shop: House) -> None:
    """`supervisorctl signal HUP`: new processes below the same first one, and no page fails meanwhile."""
    web = psutil.Process(supervisor.pid("tillkeeper:web"))
    before, answers = {child.pid for child in web.children()}, set()
    supervisor.ctl("signal", "HUP", "tillkeeper:web")

    def renewed() -> bool:
        answers.add(_status(f"{shop.url}/healthz"))
        now = {child.pid for child in web.children()}
        return bool(now) and not now & before

    wait_until(renewed, "new processes had taken over", START_S)
    assert answers == {200}
    assert supervisor.pid("tillkeeper:web") == web.pid


@pytest.mark.campaign
def test_a_frozen_supervisor_stops_no_work(supervisor: Supervisor, shop: House) -> None:
    """It reads no output meanwhile. The pipe of a worker becomes full, and all parts still run."""
    orders_of_a_pipe = 140
    before = {name: supervisor.pid(name) for name in PARTS}
    supervisor.program.send(signal.SIGSTOP)
    try:
        orders = shop.place(orders_of_a_pipe)
        shop.pay(orders)
        shop.wait_until_settled(orders)
        assert is_full(before[URGENT])
    finally:
        supervisor.program.send(signal.SIGCONT)
    shop.assert_paid_and_mailed_once(orders)
    assert {name: supervisor.pid(name) for name in PARTS} == before
    [order] = shop.place()
    shop.pay([order])
    shop.wait_until_settled([order])


@pytest.mark.campaign
def test_an_update_without_changes_touches_nothing(supervisor: Supervisor, shop: House) -> None:
    """`supervisorctl update`, then `start`: what runs goes on."""
    before = {name: supervisor.pid(name) for name in PARTS}
    supervisor.ctl("update")
    supervisor.ctl("start", "tillkeeper:*")
    assert {name: supervisor.pid(name) for name in PARTS} == before


@pytest.mark.campaign
def test_nobody_runs_as_root(supervisor: Supervisor, shop: House) -> None:
    """But supervisor itself."""
    if os.geteuid() == 0:
        pids = [supervisor.pid(name) for name in PARTS]
        assert {psutil.Process(pid).username() for pid in pids} == {NOBODY}


def is_full(pid: int) -> bool:
    """Whether the pipe that is this process's standard error takes nothing more."""
    with open(f"/proc/{pid}/fd/2", "wb", buffering=0) as pipe:
        return not select.select([], [pipe], [], 0)[1]


def _status(url: str) -> int:
    try:
        return http().get(url, timeout=START_S).status_code
    except OSError:
        return 0
