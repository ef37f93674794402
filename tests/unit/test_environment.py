"""The environment that `make` builds: it says at each moment what it does."""

import signal
import subprocess
import sys
from pathlib import Path

from deploy.requirements import environment
from deploy.requirements.environment import Packages, Steps, run

LOCK = "asgiref==3 \\\n    --hash=sha256:00\nbabel==2 \\\n    --hash=sha256:01\ntzdata==1 ; sys_platform == 'win32'\n"
TALK = """
for line in ("Ignoring tzdata: markers do not match", "Collecting asgiref==3", "Collecting babel==2"):
    print(line, flush=True)
"""

WAIT = """
import os, time
for _ in range(6_000):
    if os.path.exists({file!r}):
        break
    time.sleep(0.01)
"""


def python(code: str) -> list[str]:
    """A program with this code, in the place of pip."""
    return [sys.executable, "-c", code]


def test_a_program_that_is_silent_does_not_leave_the_terminal_silent(tmp_path: Path) -> None:
    """The time shows that it lives. The program ends when enough is shown."""
    enough, shown = tmp_path / "enough", []

    def show(text: str) -> None:
        shown.append(text)
        if len(shown) == 4:
            enough.touch()

    assert run(python(WAIT.format(file=str(enough))), Steps("Creating it"), 0.05, show) == 0
    assert shown[0] == "Creating it …"
    assert len(shown) >= 4
    assert shown[-1].startswith("Creating it, ")


def test_packages_are_counted(tmp_path: Path) -> None:
    """Those that this Python does not need are not waited for."""
    lock = tmp_path / "runtime.txt"
    lock.write_text(LOCK)
    shown: list[str] = []
    run(python(TALK), Packages(lock), 5, shown.append)
    assert shown[0] == "Installing runtime packages: 0 of 3 here …"
    assert ": 2 of 2 here, " in shown[-1]


def test_the_end_of_the_program_is_the_end_of_make() -> None:
    """Its status stops `make`, which would go on with half an environment."""
    assert run(python("raise SystemExit(3)"), Steps(""), 5, lambda _: None) == 3


def test_ctrl_c_is_a_sentence(tmp_path: Path) -> None:
    """`make` ends with it too; its next run begins again."""
    command = [sys.executable, environment.__file__, "make", str(tmp_path / "venv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout
        assert program.stderr
        assert program.stdout.readline().startswith("Creating the environment")
        program.send_signal(signal.SIGINT)
        assert program.wait(60) == 1
        assert program.stderr.read() == "\nStopped. The next `make` takes it up again.\n"
