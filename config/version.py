"""The version of Tillkeeper. It is written in one place: setup.cfg."""

from configparser import RawConfigParser
from importlib import metadata
from pathlib import Path

NAME = "tillkeeper"


def version() -> str:
    """From setup.cfg beside the code, or from the installed package; empty where neither is Tillkeeper's."""
    setup = RawConfigParser()
    setup.read(Path(__file__).resolve().parents[1] / "setup.cfg", encoding="utf-8")
    if setup.get("metadata", "name", fallback="") == NAME:
        return setup.get("metadata", "version", fallback="")
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return ""
