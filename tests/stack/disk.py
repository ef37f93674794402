"""A disk of a few megabytes that can really be full: a file system in memory, which only root may mount."""

import errno
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK = 64 * 1024


class Disk:
    """Mounted at `path`; programs of any user may write to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """To the last byte, with a file that grows until the kernel refuses, whatever others free meanwhile."""
        with self._ballast.open("ab", buffering=0) as ballast:
            while not self.full:
                for size in (CHUNK, 1):
                    with suppress(OSError):
                        while ballast.write(b"\0" * size):
                            pass

    @property
    def full(self) -> bool:
        """Does the kernel refuse the next file's first byte?"""
        try:
            (self.path / "probe").write_bytes(b"x")
        except OSError as error:
            return error.errno == errno.ENOSPC
        finally:
            with suppress(OSError):
                (self.path / "probe").unlink()
        return False

    def make_room(self) -> None:
        """What an operator deletes."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(size_mb: int) -> Iterator[Disk]:
    """Mounted for as long as the block runs. Raises CalledProcessError for whoever may not; mount says why."""
    path = Path(tempfile.mkdtemp(prefix="tillkeeper-disk-"))
    path.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0777", "tillkeeper-test", str(path)]
    subprocess.run(mount, check=True)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
        path.rmdir()
