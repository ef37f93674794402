"""The counts of ended processes, added up in one file of each kind, so that a scrape stays quick.

Each process counts in files of its own. What ended processes counted stands in the newest directory `ended-N`: all
files of one kind added up, and the list of the files that are in it already. A merge writes the next such directory,
gives it its name (from this moment it counts, and the listed files do not), deletes the listed files, and clears the
list, because a new process may get an old process id. A merge may stop anywhere: no count is lost or counted twice.

Readers take no lock, so that a frozen process delays no other: they read again if a merge came between.
"""

import fcntl
import json
import math
import os
import shutil
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

ENDED, MERGED = "ended-", "merged"

HEADER_BYTES = 8


def never_less(values: Iterable[float]) -> float:
    """The sum, rounded up: Prometheus takes a counter that goes down, even by its last bit, for a restart."""
    values = list(values)
    total = math.fsum(values)
    return math.nextafter(total, math.inf) if math.fsum([*values, -total]) > 0 else total


KINDS: Mapping[str, Callable[[Iterable[float]], float]] = {
    "counter": never_less,
    "histogram": never_less,
    "gauge_max": max,
}
"""How the files of each kind combine. Those of the other kinds, live gauges, are deleted with their process."""


class CountsOfAll(Collector):
    """The counts of all processes that count in this directory, running and ended."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def collect(self) -> Iterable[Metric]:
        while True:
            newest = _newest(self.directory)
            with suppress(FileNotFoundError):  # a merge has just deleted it
                metrics = _metrics(_counted(self.directory, newest))
                if _newest(self.directory) == newest:
                    return metrics


def merge(directory: Path) -> None:
    """Add up the files of ended processes. If another process does it now, or a disk is full, the next call does it.

    It raises nothing, whatever the files contain: an error would end gunicorn's master.
    """
    with suppress(OSError, RuntimeError, ValueError, struct.error), (directory / "merging").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        newest = _newest(directory)
        _delete_merged(directory, newest)
        files = [path for path in directory.glob("*.db") if not _is_alive(_pid(path))]
        for path in files:
            if _kind(path) not in KINDS:
                path.unlink(missing_ok=True)
        if added := [path for path in files if _kind(path) in KINDS]:
            newest = _write(directory, newest, added)
            _delete_merged(directory, newest)
        for older in set(directory.glob(f"{ENDED}*")) - {newest}:
            shutil.rmtree(older, ignore_errors=True)


def _write(directory: Path, newest: Path | None, files: list[Path]) -> Path:
    """Write the next directory. Not with MmapedDict: on a full disk it would kill this process, gunicorn's master."""
    new = directory / "new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    for kind, values in _values(files + _of_ended(newest)).items():
        entries = b"".join(_entry(key, KINDS[kind](each)) for key, each in values.items())
        (new / f"{kind}_ended.db").write_bytes(struct.pack("i4x", HEADER_BYTES + len(entries)) + entries)
    (new / MERGED).write_text("\n".join(path.name for path in files), encoding="ascii")
    return new.rename(directory / f"{ENDED}{_number(newest) + 1}")


def _entry(key: str, value: float) -> bytes:
    """In the format of MmapedDict: length and key, padded to 8 bytes, the value, and a time."""
    encoded = key.encode()
    padded = encoded + b" " * (8 - (len(encoded) + 4) % 8)
    return struct.pack(f"i{len(padded)}sdd", len(encoded), padded, value, 0.0)


def _delete_merged(directory: Path, newest: Path | None) -> None:
    if newest:
        for name in _merged(newest):
            (directory / name).unlink(missing_ok=True)
        os.truncate(newest / MERGED, 0)


def _counted(directory: Path, newest: Path | None) -> list[Path]:
    """The files that count: those of all processes that are not merged, and those of the merged ones."""
    merged = _merged(newest) if newest else set()
    return [path for path in directory.glob("*.db") if path.name not in merged] + _of_ended(newest)


def _metrics(files: list[Path]) -> list[Metric]:
    gauges = [str(path) for path in files if _kind(path).startswith("gauge") and _is_filled(path)]
    metrics = list(MultiProcessCollector.merge(gauges))  # type: ignore[no-untyped-call]
    for kind, values in _values(path for path in files if not _kind(path).startswith("gauge")).items():
        families: dict[str, Metric] = {}
        for key, each in values.items():
            family, name, labels, text = json.loads(key)
            metric = families.setdefault(family, Metric(family, text, kind))
            metric.add_sample(name, tuple(sorted(labels.items())), math.fsum(each))  # type: ignore[arg-type]
        metrics += MultiProcessCollector._accumulate_metrics(families, True)  # type: ignore[no-untyped-call]
    return metrics


def _values(files: Iterable[Path]) -> dict[str, dict[str, list[float]]]:
    """By kind and key, the value of each file."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in filter(_is_filled, files):
        for key, value, *_ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
            found[_kind(path)][key].append(value)
    return found


def _is_filled(path: Path) -> bool:
    """A process may have just made the file, or died then."""
    return path.stat().st_size > 0


def _newest(directory: Path) -> Path | None:
    return max(directory.glob(f"{ENDED}*"), key=_number, default=None)


def _number(newest: Path | None) -> int:
    return int(newest.name.removeprefix(ENDED)) if newest else 0


def _merged(newest: Path) -> set[str]:
    return set((newest / MERGED).read_text(encoding="ascii").split())


def _of_ended(newest: Path | None) -> list[Path]:
    return list(newest.glob("*.db")) if newest else []


def _kind(path: Path) -> str:
    return path.stem.rpartition("_")[0]


def _pid(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def _is_alive(pid: int) -> bool:
    """All processes of a directory have one master, so their ids mean the same to each of them."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
