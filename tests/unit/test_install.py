"""What `make install` lays out."""

from pathlib import Path

import pytest

from deploy import install


def test_a_release_carries_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make up` writes some into the tree that a release is made from."""
    source, home = tmp_path / "source", tmp_path / "home"
    (source / "deploy/compose/secrets").mkdir(parents=True)
    (source / "deploy/compose/secrets/broker-url").write_text("amqp://till:planted@rabbitmq/till")
    (source / "deploy/compose/compose.yml").write_text("services: {}")
    monkeypatch.setattr(install, "ROOT", source)
    monkeypatch.setattr(install, "CODE", ("deploy",))
    monkeypatch.setattr(install, "DOCUMENTS", ())

    install.copy_code(home)

    assert [path.name for path in home.rglob("*") if path.is_file()] == ["compose.yml"]
