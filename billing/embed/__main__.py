"""`python -m billing.embed check|copy <project>`: run it with the project's Python, in our directory."""

import argparse
import sys
from collections.abc import Sequence
from keyword import iskeyword
from pathlib import Path

from billing.embed import files, project

DONE, SOMETHING_LEFT, REFUSED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m billing.embed",
        description="Copies billing into another Django project, and says what the project needs besides.",
        epilog="Ends with 0 if all is well, 1 if something is left to do, 2 if nothing was done.",
    )
    parser.add_argument("what", type=str.lower, choices=("check", "copy"), help="check changes nothing")
    parser.add_argument("target", type=Path, help="the directory of the project's manage.py")
    parser.add_argument("--as", dest="name", help="the name for our package config; chosen if config is taken")
    chosen = parser.parse_args(arguments)
    if not (chosen.target / "manage.py").is_file():
        parser.error(f"{chosen.target} has no manage.py")
    if chosen.name is not None and not _can_be_a_package(chosen.name):
        parser.error(f"{chosen.name!r} cannot be the name of our config")
    try:
        return _run(chosen.what, chosen.target.resolve(), chosen.name)
    except OSError as error:
        return _say("It has stopped; copy again when this is mended:", [f"{error.filename}: {error.strerror}"])
    except KeyboardInterrupt:
        return _say("It has stopped; copy again to finish it.", [])


def _can_be_a_package(name: str) -> bool:
    taken = {*files.PACKAGES[1:], "django", *sys.stdlib_module_names}
    return name.isidentifier() and not iskeyword(name) and name not in taken


def _run(what: str, target: Path, name: str | None) -> int:
    plan, told = files.plan(target, name), project.ask(target)
    if refused := [*plan.collisions, *project.labels_in_the_way(told, plan.config)]:
        return _say("Nothing was copied:", refused, REFUSED)
    print(f"Our package config has the name {plan.config} in {target}.")
    if what == "copy":
        files.carry_out(plan, target)
        print(f"{len(plan.write)} files written, {len(plan.delete)} deleted; {files.MANIFEST} knows all of them.")
        told = project.ask(target)
    elif plan.write or plan.delete:
        print(f"A copy would write {len(plan.write)} files and delete {len(plan.delete)}.")
    status = DONE
    if plan.changed:
        status = _say("Left alone, because you and we have changed them; merge them by hand:", plan.changed)
    if missing := project.missing_requirements(dict(files.needed(plan.config))):
        status = _say("Requirements to install:", [f'pip install "{line}"' for line in missing])
    if same := project.same_names(told):
        _say("Settings of yours that ours would replace; write yours below our line:", same)
    if (what == "copy" or not plan.write) and (left := list(project.left_to_do(told, plan.config))):
        status = _say("To do, see billing/EMBEDDING.md:", left)
    if what == "check" and (plan.write or plan.delete):
        return SOMETHING_LEFT
    if status == DONE:
        print("Nothing is left to do.")
    return status


def _say(title: str, lines: Sequence[str], status: int = SOMETHING_LEFT) -> int:
    print("\n  ".join([title, *lines]))
    return status


if __name__ == "__main__":
    sys.exit(main())
