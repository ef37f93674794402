"""Times on pages for staff name their zone."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from config.templatetags.times import ago, exact, moment

AT = datetime(2026, 11, 30, 17, 53, 12, 345678, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "shown", "title", "machine"),
    [
        ("UTC", "2026-11-30 17:53:12 UTC", "2026-11-30 17:53:12 UTC",
         "2026-11-30T17:53:12+00:00"),
        ("Europe/Moscow", "2026-11-30 20:53:12 MSK", "2026-11-30 17:53:12 UTC · 20:53:12 MSK",
         "2026-11-30T20:53:12+03:00"),
        ("Asia/Tashkent", "2026-11-30 22:53:12 UTC+05", "2026-11-30 17:53:12 UTC · 22:53:12 UTC+05",
         "2026-11-30T22:53:12+05:00"),
        ("Asia/Tokyo", "2026-12-01 02:53:12 JST", "2026-11-30 17:53:12 UTC · 2026-12-01 02:53:12 JST",
         "2026-12-01T02:53:12+09:00"),
    ],
)  # fmt: skip
def test_a_time_names_its_zone_and_keeps_utc(
    monkeypatch: pytest.MonkeyPatch, zone: str, shown: str, title: str, machine: str
) -> None:
    """Also in zones without a name, and where it is tomorrow already."""
    monkeypatch.setattr(timezone, "now", lambda: AT + timedelta(days=3))
    with timezone.override(zone):
        assert moment(AT) == f'<time datetime="{machine}" title="{title}" data-local>{shown}</time>'
        assert exact(AT) == title


def test_the_day_is_left_out_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the zone that is shown, not in UTC."""
    monkeypatch.setattr(timezone, "now", lambda: AT + timedelta(hours=1))
    with timezone.override("UTC"):
        assert ">17:53:12 UTC<" in moment(AT)
    with timezone.override("Asia/Tokyo"):
        assert ">02:53:12 JST<" in moment(AT)


def test_a_length_of_time_keeps_the_exact_one() -> None:
    """For whoever rests a pointer on it; no script changes its text."""
    at = timezone.now() - timedelta(minutes=5)
    shown = ago(at)

    assert f'title="{exact(at)}">5 min' in shown
    assert "data-local" not in shown
    assert (moment(None), ago(None)) == ("–", "–")
