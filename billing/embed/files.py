"""What is copied, under which names, and what the project has changed since."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]

PACKAGES = ("config", "billing", "actors")

LEFT_HERE = (
    "*.md", "*.pyc", "billing/embed/*", "config/settings/*", "config/urls.py", "config/wsgi.py",
    "config/env/process.py", "config/env/shop.py", "config/env/web.py",
    "config/errors/sentry.py", "config/web/cookies.py", "config/web/malformed.py", "config/web/races.py",
    "config/web/static_files.py",
    "config/management/commands/nginxconf.py",
)  # fmt: skip
"""What only our shop uses. Modules that import `commerce` stay here too."""

OF_THE_SHOP = re.compile(r"^\s*(?:from|import) commerce\b", re.MULTILINE)

OTHER_NAME = "till_config"
"""Our `config`, where the project has a package of that name."""

MANIFEST = "billing/copied.json"
"""In the project: the name of our `config`, and the hash of each file as it was copied."""


@dataclass
class Plan:
    """What a copy would do. Paths are relative to the project."""

    config: str
    write: dict[str, bytes] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)
    """Copied earlier, not changed since, and not needed any more."""

    changed: list[str] = field(default_factory=list)
    """Changed by the project, and by us: never overwritten."""

    collisions: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    """For the next manifest."""


def plan(target: Path, wanted_name: str | None) -> Plan:
    """Compare the files that are needed with those that the project has."""
    try:
        name, earlier = _earlier(target)
    except (ValueError, KeyError) as error:
        return Plan("config", collisions=[f"{MANIFEST} is damaged ({error!r}): take it from an earlier state"])
    made = Plan(wanted_name or name or (OTHER_NAME if _is_taken(target, "config") else "config"))
    if SOURCE in (target, *target.parents):
        made.collisions.append(f"{target} is our own directory: name that of your project")
        return made
    if name and made.config != name:
        made.collisions.append(f"our config is here as {name}: leave --as out, or move the package first")
        return made
    wanted = dict(needed(made.config))
    if name is None and (taken := list(_packages_in_the_way(target, made, wanted))):
        made.collisions += taken
        return made
    for path, content in wanted.items():
        _compare(made, path, content, target / path, earlier.get(path))
    for path in sorted(earlier.keys() - wanted.keys()):
        if (target / path).is_file():
            unchanged = _hash((target / path).read_bytes()) == earlier[path]
            (made.delete if unchanged else made.changed).append(path)
    return made


def carry_out(plan: Plan, target: Path) -> None:
    """Write and delete the files. An interrupted copy is taken up again: the name of our `config` is noted first."""
    if not (target / MANIFEST).exists():
        _note(target, plan.config, {})
    for path, content in plan.write.items():
        _write(target / path, content)
    for path in plan.delete:
        (target / path).unlink()
    _note(target, plan.config, plan.hashes)


def renamed(text: str, config: str) -> str:
    """Code with another name for our `config`: its imports, dotted names, paths, and the name of its app."""
    parts = "|".join(sorted(path.stem for path in (SOURCE / "config").iterdir()))
    text = re.sub(r"(?m)^(\s*(?:from|import)\s+)config(?=[\s.])", rf"\g<1>{config}", text)
    text = re.sub(r'(?m)^(    name = )"config"$', rf'\g<1>"{config}"', text)
    return re.sub(rf"(?<![\w./-])config(?=[./](?:{parts})\b)", config, text)


def needed(config: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file that a project needs."""
    for path in sorted(each for package in PACKAGES for each in (SOURCE / package).rglob("*") if each.is_file()):
        name, content = path.relative_to(SOURCE).as_posix(), path.read_bytes()
        if any(fnmatch(name, pattern) for pattern in LEFT_HERE):
            continue
        if path.suffix == ".py":
            text = content.decode()
            if OF_THE_SHOP.search(text):
                continue
            content = renamed(text, config).encode()
        yield re.sub("^config/", f"{config}/", name), content


def _compare(made: Plan, path: str, content: bytes, there: Path, earlier: str | None) -> None:
    """A file that is the same already is taken over."""
    made.hashes[path] = _hash(content)
    if not os.path.lexists(there):
        made.write[path] = content
        return
    if not there.is_file():
        made.collisions.append(f"{path} exists, and is not a file")
        return
    found = _hash(there.read_bytes())
    if found == made.hashes[path]:
        return
    if earlier is None:
        made.collisions.append(f"{path} exists, and is not ours")
    elif found == earlier:
        made.write[path] = content
    else:
        if made.hashes[path] != earlier:
            made.changed.append(path)
        made.hashes[path] = earlier  # so that it stays known as changed


def _packages_in_the_way(target: Path, plan: Plan, wanted: dict[str, bytes]) -> Iterator[str]:
    """What the project has under our names, before the first copy. An interrupted one leaves files of ours."""
    ours = {path: _hash(content) for path, content in wanted.items()}
    for package in (plan.config, *PACKAGES[1:]):
        there = (*_places(target, package), *(target / package).rglob("*"))
        if not all(_is_ours(each, target, ours) for each in there if os.path.lexists(each)):
            another = f"; choose another with --as, like --as {OTHER_NAME}" if package == plan.config else ""
            yield f"the project has a package {package} of its own{another}"


def _is_ours(path: Path, target: Path, ours: dict[str, str]) -> bool:
    if path.is_symlink() or path.is_dir():
        return not path.is_symlink()
    return path.suffix == ".pyc" or ours.get(path.relative_to(target).as_posix()) == _hash(path.read_bytes())


def _is_taken(target: Path, package: str) -> bool:
    """A link that leads nowhere takes the name too."""
    return any(map(os.path.lexists, _places(target, package)))


def _places(target: Path, package: str) -> tuple[Path, Path]:
    return target / package, target / f"{package}.py"


def _earlier(target: Path) -> tuple[str | None, dict[str, str]]:
    """The name of our `config`, and the hashes, as the last copy noted them."""
    try:
        about = json.loads((target / MANIFEST).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None, {}
    return about["config"], about["files"]


def _note(target: Path, config: str, hashes: dict[str, str]) -> None:
    about = json.dumps({"config": config, "files": dict(sorted(hashes.items()))}, indent=1) + "\n"
    _write(target / MANIFEST, about.encode())


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: half a file would look like one that the project has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.half")
    try:
        half.write_bytes(content)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def _hash(content: bytes) -> str:
    """The same with the line ends of Windows, which Git may have given the project's files."""
    return sha256(content.replace(b"\r\n", b"\n")).hexdigest()
