"""Programs that shall not run as root, where the tests do."""

import os
import pwd
import shutil
from pathlib import Path


def unprivileged(*names: str) -> list[str]:
    """What to write before a command, so that root becomes the first of these users that there is."""
    if os.geteuid():
        return []
    user = _first(names)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def give(path: Path, *names: str) -> None:
    """Make it theirs."""
    if not os.geteuid():
        user = _first(names)
        shutil.chown(path, user.pw_uid, user.pw_gid)


def _first(names: tuple[str, ...]) -> pwd.struct_passwd:
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next(known[name] for name in names if name in known)
