"""Does the process live, and can it do its work?"""

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config.health import liveness


def test_a_process_that_answers_lives() -> None:
    """Whatever the database does."""
    answer = Client().get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"live": True})


def test_a_shop_with_its_database_up_to_date_is_ready() -> None:
    """Customers may come."""
    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"ready": True, "problems": []})


def test_a_shop_whose_migrations_are_missing_is_not_ready() -> None:
    """Everybody is told that much; the sentence that says what to do is for the log."""
    recorder = MigrationRecorder(connection)
    last = recorder.Migration.objects.filter(app="actors").latest("pk").name
    recorder.record_unapplied("actors", last)
    try:
        answer = Client().get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"ready": False, "problems": ["database"]}
        assert liveness.database_problem() == "1 migrations are missing; run `manage.py migrate`."
        assert Client().get("/healthz").status_code == 200
    finally:
        recorder.record_applied("actors", last)
    assert Client().get("/readyz").status_code == 200


def test_a_shop_whose_database_does_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lives all the same: starting it again would not help."""
    connection.close()
    if connection.vendor == "postgresql":
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        monkeypatch.setitem(connection.settings_dict, "PORT", 9)
    else:
        monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/shop.sqlite3")
    try:
        answer = Client().get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["problems"] == ["database"]
        assert str(liveness.database_problem()).startswith("The database does not answer (OperationalError)")
        assert Client().get("/healthz").status_code == 200
    finally:
        monkeypatch.undo()
        connection.close()


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_asking_changes_nothing(address: str) -> None:
    """Only safe methods, and HEAD is one."""
    assert Client().head(address).status_code == 200
    assert Client().post(address).status_code == 405


def test_the_address_of_the_database_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence goes to logs and to whoever asks."""
    for name, value in {"NAME": "shop", "HOST": "db", "PORT": 5432, "USER": "till", "PASSWORD": "hush"}.items():
        monkeypatch.setitem(settings.DATABASES["default"], name, value)

    assert liveness.database_address() == "shop at db:5432"
