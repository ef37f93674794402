"""Reviews: asked for once, written by whoever has the link, shown once somebody of the shop has read them."""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as shops_settings
from django.core.signing import TimestampSigner, b62_encode
from django.db import IntegrityError
from django.db.models import F
from pytest_django.fixtures import Settings

from commerce import orders, settlement
from commerce.errors import NothingToReview, ReviewPublished
from commerce.mail import sending
from commerce.models import Notification, Order, OrderStatus, Product, Review, Seller
from commerce.reviews import links as review_links
from commerce.reviews import ratings
from commerce.reviews import service as reviews
from commerce.reviews.links import Expired, Forged, Subject
from config.due import shutting_down
from config.due.queue import database_now
from tests.plans import plan
from tests.shop import Shop
from tests.threads import at_once

pytestmark = pytest.mark.sqlite_is_enough

AFTER = shops_settings.REVIEW_REQUEST_AFTER_DAYS
UNTIL = AFTER + reviews.ASKED_WITHIN.days
REMINDER = Notification.Kind.REVIEW_REMINDER
PUBLISHED, REJECTED = Review.Status.PUBLISHED, Review.Status.REJECTED

Deliver = Callable[..., Order]


@pytest.fixture
def deliver(shop: Shop) -> Deliver:
    """Sells, and delivers so many days ago; the mails about that are not of interest."""

    def deliver(*products: Product, days_ago: float = AFTER + 0.5, **facts: Any) -> Order:
        order, payment = shop.order(*products)
        shop.buyer(payment, "pay")
        shop.look(payment)
        settlement.settle_due()
        orders.mark_delivered(order.pk, "sam")
        Notification.objects.all().delete()
        Order.objects.filter(pk=order.pk).update(delivered_at=F("delivered_at") - timedelta(days=days_ago), **facts)
        return shop.fresh(order)

    return deliver


def request() -> int:
    """A day's run; returns how many reminders there are then."""
    assert reviews.request_due(seconds=60) is False
    return Notification.objects.filter(kind=REMINDER).count()


def links(order: Order) -> list[str]:
    """The tokens in the reminder."""
    reminder = order.notifications.get(kind=REMINDER)
    in_text: list[str] = re.findall(r"/reviews/([^/\s]+)/", reminder.text)
    assert in_text == re.findall(r'href="[^"]+/reviews/([^/"]+)/"', reminder.html)
    return in_text


def subject_of(order: Order) -> Subject:
    """Its first line, as a link would say it."""
    return Subject(order.pk, order.lines.all()[0].product_id)


def published(order: Order, rating: int = 5, text: str = "Good.") -> Review:
    """Written, read, and shown."""
    review = reviews.write(subject_of(order), rating, text, "Ann")
    assert reviews.moderate(review.pk, review.changed_at, PUBLISHED, "sam")
    return Review.objects.get(pk=review.pk)


# --- asked for -------------------------------------------------------------------------------------------------------


def test_a_customer_is_asked_once_about_every_product_of_the_order(shop: Shop, deliver: Deliver) -> None:
    """One mail with a link for each, however often the run comes."""
    cup, mug = shop.product("cup"), shop.product("mug")
    order = deliver(cup, mug)

    assert [request(), request()] == [1, 1]
    assert [review_links.read(link) for link in links(order)] == [(order.pk, cup.pk), (order.pk, mug.pk)]


@pytest.mark.parametrize(
    ("days_ago", "asked"),
    [(0, 0), (AFTER - 0.01, 0), (AFTER + 0.01, 1), (UNTIL - 0.01, 1), (UNTIL + 0.01, 0), (999, 0)],
)
def test_it_is_neither_too_early_nor_too_late_to_ask(deliver: Deliver, days_ago: float, asked: int) -> None:
    """Whoever bought years before the shop began to ask is left alone."""
    deliver(days_ago=days_ago)

    assert request() == asked


def test_what_is_not_delivered_any_more_is_not_asked_about(deliver: Deliver) -> None:
    """Nor what never was."""
    order = deliver()
    Order.objects.filter(pk=order.pk).update(status=OrderStatus.PAID)

    assert request() == 0


def test_what_is_reviewed_already_is_left_out(shop: Shop, deliver: Deliver) -> None:
    """And where nothing is left, there is no mail."""
    cup, mug = shop.product("cup"), shop.product("mug")
    both, only_cup = deliver(cup, mug), deliver(cup)
    for order in (both, only_cup):
        reviews.write(Subject(order.pk, cup.pk), 4, "", "Ann")

    assert request() == 1
    assert [review_links.read(link).product_id for link in links(both)] == [mug.pk]
    assert Order.objects.filter(reviews_asked_at__isnull=True).count() == 0


@pytest.mark.parametrize("gone", ["product", "seller"])
def test_what_is_not_sold_any_more_is_left_out(shop: Shop, deliver: Deliver, gone: str) -> None:
    """Its page is not there to show a review on."""
    deliver()
    (Product if gone == "product" else Seller).objects.update(active=False)

    assert request() == 0


@pytest.mark.postgres_too
def test_two_runs_at_once_ask_nobody_twice(deliver: Deliver) -> None:
    """The order's lock decides who asks."""
    for _ in range(4):
        deliver()

    assert at_once(*[lambda: reviews.request_due(60)] * 3) == [False] * 3
    assert request() == Notification.objects.values("order").distinct().count() == 4


def test_a_run_that_is_cut_off_is_gone_on_with(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches, by whoever comes next; what one run has asked stays asked."""
    monkeypatch.setattr(reviews, "BATCH", 2)
    for days in range(5):
        deliver(days_ago=AFTER + 1 + days)

    assert reviews.request_due(seconds=0) is True
    assert Notification.objects.filter(kind=REMINDER).count() == 1
    shutting_down.set()
    assert reviews.request_due(seconds=60) is True
    assert Notification.objects.filter(kind=REMINDER).count() == 2
    shutting_down.clear()
    assert request() == 5


def test_mail_and_mark_are_written_together_or_not_at_all(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies between them leaves neither."""
    order = deliver()
    with monkeypatch.context() as crash:
        crash.setattr(Order, "save", _dies)
        with pytest.raises(KeyboardInterrupt):
            reviews.request_due(60)

    assert not Notification.objects.exists()
    assert request() == 1
    assert Order.objects.get(pk=order.pk).reviews_asked_at is not None


def _dies(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_an_order_that_cannot_be_asked_about_holds_up_no_other(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told to the log, and tried again the next day."""
    broken, fine = deliver(days_ago=AFTER + 2), deliver()
    with monkeypatch.context() as bug:
        bug.setattr(Order, "save", lambda order, **_options: 1 / 0 if order == broken else None)
        request()

    assert [record.message for record in caplog.records].count("reviews.request_failed") == 1
    assert Notification.objects.get().order == fine
    assert request() == 2


@pytest.mark.parametrize("name", ["مريم", "👩‍🌾 Ann", "\u202eevil", "<b>Ann</b>", "x" * 100])
def test_any_name_is_asked(deliver: Deliver, name: str) -> None:
    """Also one that is written from right to left."""
    order = deliver(name=name)

    assert request() == 1
    assert f"Hello {name}," in order.notifications.get().text


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_reminder_is_in_the_customers_language(deliver: Deliver, language: str) -> None:
    """And says how long its links work."""
    order = deliver(language=language)
    request()

    days = shops_settings.REVIEW_LINK_VALID_DAYS
    sentence = {"en": f"The links work for {days} days", "ru": f"Ссылки действуют {days} дней"}
    assert sentence[language] in order.notifications.get().text


@pytest.mark.postgres_too
@pytest.mark.django_db
def test_finding_whom_to_ask_reads_an_index() -> None:
    """Orders that were asked about, and those of years ago, cost nothing."""
    rows = reviews._unasked(database_now()).order_by("delivered_at", "pk").values_list("delivered_at", "pk")[:100]
    assert "order_unasked" in plan(rows)


# --- the link --------------------------------------------------------------------------------------------------------


class Earlier(TimestampSigner):
    """Signs as of so many seconds ago."""

    seconds = 0

    def timestamp(self) -> str:
        return b62_encode(int(time.time()) - self.seconds)


def made_ago(subject: Subject, seconds: int) -> str:
    """A link that was made so long ago."""
    signer = Earlier(salt=review_links.SALT)
    signer.seconds = seconds
    return signer.sign_object(subject)


def test_a_link_works_for_so_many_days_from_when_it_was_made() -> None:
    """And holds two ids, nothing else."""
    subject, valid_s = Subject(12, 34), shops_settings.REVIEW_LINK_VALID_DAYS * 24 * 3600

    assert review_links.read(made_ago(subject, valid_s - 60)) == subject
    with pytest.raises(Expired):
        review_links.read(made_ago(subject, valid_s + 60))


def test_a_link_survives_another_secret_key(settings: Settings) -> None:
    """As long as the old one is among SECRET_KEY_FALLBACKS."""
    token = review_links.address(Subject(1, 2)).split("/")[-2]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, [settings.SECRET_KEY]

    assert review_links.read(token) == (1, 2)
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(Forged):
        review_links.read(token)


def test_no_other_signature_opens_the_form() -> None:
    """Each use of the secret key has a salt of its own."""
    for salt in ("", "django.core.signing", "commerce.order"):
        with pytest.raises(Forged):
            review_links.read(TimestampSigner(salt=salt).sign_object([1, 2]))


# --- written ---------------------------------------------------------------------------------------------------------


def test_a_customer_reviews_each_product_of_an_order_once(deliver: Deliver) -> None:
    """What is written again takes the place of what was there."""
    order = deliver()

    reviews.write(subject_of(order), 2, "Cold.", "Ann")
    reviews.write(subject_of(order), 5, "It was me.", "Ann B.")

    review = Review.objects.get()
    assert (review.rating, review.text, review.name, review.status) == (5, "It was me.", "Ann B.", "waiting")
    assert review.changed_at >= review.created_at


@pytest.mark.postgres_too
def test_two_clicks_at_once_are_one_review(deliver: Deliver) -> None:
    """The second one finds what the first one wrote."""
    subject = subject_of(deliver())

    at_once(*[lambda: reviews.write(subject, 4, "Twice.", "Ann")] * 3)

    assert Review.objects.count() == 1


def test_another_order_of_the_same_product_is_another_review(shop: Shop, deliver: Deliver) -> None:
    """Somebody who buys again may have changed their mind."""
    cup = shop.product("cup")
    for rating in (1, 5):
        published(deliver(cup), rating)

    assert ratings.with_ratings([cup]) == [(cup, ratings.Rating(3.0, 2))]


def test_what_is_published_does_not_change(deliver: Deliver) -> None:
    """Nobody would have read the new text."""
    order = deliver()
    published(order, text="Good.")

    with pytest.raises(ReviewPublished):
        reviews.write(subject_of(order), 1, "Buy pills!", "Ann")
    assert Review.objects.get().text == "Good."


def test_what_was_rejected_may_be_written_anew(deliver: Deliver) -> None:
    """It waits again, as if nobody had decided."""
    order = deliver()
    review = published(order)
    reviews.moderate(review.pk, review.changed_at, REJECTED, "sam")

    reviews.write(subject_of(order), 3, "Politely.", "Ann")

    review = Review.objects.get()
    assert (review.status, review.moderated_at, review.moderated_by) == ("waiting", None, "")


@pytest.mark.parametrize("gone", ["not delivered", "line", "order", "never was"])
def test_what_was_not_bought_or_is_gone_is_not_reviewed(deliver: Deliver, gone: str) -> None:
    """Whatever the link says."""
    order = deliver()
    subject = subject_of(order)
    if gone == "not delivered":
        Order.objects.update(status=OrderStatus.PAID)
    elif gone == "line":
        order.lines.all().delete()
    elif gone == "order":
        order.delete()
    else:
        subject = Subject(subject.order_id, subject.product_id + 1)

    with pytest.raises(NothingToReview):
        reviews.write(subject, 5, "", "Ann")
    assert not Review.objects.exists()


def test_what_is_not_sold_any_more_may_be_reviewed_by_whoever_was_asked(deliver: Deliver) -> None:
    """It may be sold again."""
    order = deliver()
    Product.objects.update(active=False)

    reviews.write(subject_of(order), 5, "", "Ann")

    assert Review.objects.count() == 1


@pytest.mark.postgres_too
@pytest.mark.parametrize(
    "wrong",
    [
        {"rating": 0},
        {"rating": 6},
        {"status": "published"},
        {"status": "spam", "moderated_at": datetime.fromisoformat("2026-01-01T00:00+00:00")},
        {"moderated_at": datetime.fromisoformat("2026-01-01T00:00+00:00")},
    ],
)
def test_the_database_keeps_the_rules_of_reviews(deliver: Deliver, wrong: dict[str, Any]) -> None:
    """Whoever writes to it."""
    reviews.write(subject_of(deliver()), 5, "", "Ann")

    with pytest.raises(IntegrityError):
        Review.objects.update(**wrong)


# --- moderated -------------------------------------------------------------------------------------------------------


def test_only_published_reviews_count(shop: Shop, deliver: Deliver) -> None:
    """At once, and not any more once one is rejected."""
    cup, other = shop.product("cup"), shop.product("other")
    shown = published(deliver(cup), 4)
    published(deliver(cup), 1)
    reviews.write(subject_of(deliver(cup)), 1, "Waits.", "Ann")

    assert ratings.with_ratings([cup, other]) == [(cup, ratings.Rating(2.5, 2)), (other, ratings.Rating())]
    reviews.moderate(shown.pk, shown.changed_at, REJECTED, "sam")
    assert ratings.with_ratings([cup]) == [(cup, ratings.Rating(1.0, 1))]


def test_a_decision_is_about_the_text_that_was_read(deliver: Deliver) -> None:
    """If the customer changed it while the moderator was reading, nothing is decided."""
    order = deliver()
    seen = reviews.write(subject_of(order), 5, "Lovely.", "Ann").changed_at
    changed = reviews.write(subject_of(order), 5, "Buy pills!", "Ann")

    assert reviews.moderate(changed.pk, seen, PUBLISHED, "sam") is False
    assert Review.objects.get().status == "waiting"


@pytest.mark.postgres_too
@pytest.mark.parametrize("_turn", range(5))
def test_writing_and_publishing_at_once_is_one_after_the_other(deliver: Deliver, _turn: int) -> None:
    """Published as it was read, or changed and waiting; never published unread, nor taken back by its customer."""
    subject = subject_of(deliver())
    read = reviews.write(subject, 5, "Read.", "Ann")

    def change() -> bool:
        try:
            return reviews.write(subject, 1, "Unread.", "Ann").text == "Read."
        except ReviewPublished:
            return True

    kept, was_published = at_once(change, lambda: reviews.moderate(read.pk, read.changed_at, PUBLISHED, "sam"))

    review = Review.objects.get()
    assert kept == was_published
    assert (review.status, review.text) == (("published", "Read.") if kept else ("waiting", "Unread."))


@pytest.mark.postgres_too
def test_of_two_moderators_one_decides(deliver: Deliver) -> None:
    """The same decision twice is one."""
    review = reviews.write(subject_of(deliver()), 5, "", "Ann")

    decide = [lambda by=by: reviews.moderate(review.pk, review.changed_at, PUBLISHED, by) for by in ("sam", "kim")]
    assert sorted(at_once(*decide)) == [False, True]
    assert Review.objects.get().moderated_by in ("sam", "kim")


@pytest.mark.postgres_too
def test_the_average_reads_an_index_only(deliver: Deliver) -> None:
    """However many reviews other products have."""
    published(deliver())
    product = Product.objects.get()
    rows = Review.objects.filter(product=product, status=PUBLISHED).order_by().values("product", "rating")
    steps = plan(rows, only="review_of_product")
    assert "review_of_product" in steps
    assert "Index Only Scan" in steps or "COVERING INDEX" in steps


def test_the_reminder_is_sent_by_its_nudge(deliver: Deliver, settings: Settings) -> None:
    """As every mail is."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    order = deliver()
    request()

    assert sending.send_for(order.pk, REMINDER) == 1
