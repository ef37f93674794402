"""The pages of reviews: the form behind a link, what stands on a product's page, and where they are read first."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import escape
from typing import Any

import pytest
from django.conf import settings as shops_settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from commerce import forms, orders, settlement
from commerce.models import Notification, Order, OrderLine, OrderStatus, Product, Review
from commerce.reviews import links
from commerce.reviews import service as reviews
from commerce.reviews.links import Subject
from commerce.reviews.ratings import REVIEWS_PER_PAGE
from config.due.queue import database_now
from tests.database.test_pages import MOST_QUERIES, at_most
from tests.database.test_reviews import made_ago
from tests.people import logged_in
from tests.shop import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

FORM = {"rating": "4", "text": "Keeps warm.", "name": "Ann"}
MOST_CHARS = forms.REVIEW_MAX_CHARS
LIST = "admin:commerce_review_changelist"

Write = Callable[..., Review]


@pytest.fixture
def line(shop: Shop) -> OrderLine:
    """What was delivered."""
    order, payment = shop.order(shop.product("cup"))
    shop.buyer(payment, "pay")
    shop.look(payment)
    settlement.settle_due()
    orders.mark_delivered(order.pk, "sam")
    return order.lines.get()


@pytest.fixture
def link(line: OrderLine) -> str:
    """Its link, as the mail has it, without the shop."""
    return links.address(Subject(line.order_id, line.product_id)).removeprefix(shops_settings.SHOP_URL)


@pytest.fixture
def write(line: OrderLine) -> Write:
    """Another customer's review of the same product."""

    def write(rating: int = 4, text: str = "Good.", name: str = "Bea", status: str = "published") -> Review:
        order = Order.objects.get(pk=line.order_id)
        order.pk, order.public_id, order.status = None, f"order-{Order.objects.count()}", OrderStatus.CANCELED
        order.paid_with = None
        order.save(force_insert=True)
        now = database_now()
        facts = {"status": status, "changed_at": now, "moderated_at": None if status == "waiting" else now}
        return Review.objects.create(
            order=order, product_id=line.product_id, rating=rating, text=text, name=name, **facts
        )

    return write


@pytest.fixture
def sam(client: Client) -> Client:
    """Somebody of the shop who decides about reviews."""
    return logged_in(client, "view_review", "change_review")


def page(client: Client, address: str, status: int = 200, language: str = "en") -> str:
    """What is shown there."""
    answer = client.get(address, headers={"accept-language": language})
    assert answer.status_code == status
    return answer.content.decode()


# --- the form --------------------------------------------------------------------------------------------------------


def test_the_link_opens_a_form_that_knows_the_name(client: Client, link: str) -> None:
    """And tells nothing else about the customer."""
    shown = page(client, link)

    assert re.search(r'name="name" value="Ann"', shown)
    assert shown.count('type="radio"') == 5
    assert "ann@example.com" not in shown
    assert "1 Main Street" not in shown
    assert Order.objects.get().public_id not in shown


def test_a_review_is_sent_and_shown_again_with_its_state(client: Client, link: str) -> None:
    """Sending it again changes it."""
    assert client.post(link, FORM)["Location"] == link
    assert "We have your review" in page(client, link)
    assert "Keeps warm." in page(client, link)

    client.post(link, FORM | {"rating": "2", "text": ""})

    review = Review.objects.get()
    assert (review.rating, review.text, review.name, review.status) == (2, "", "Ann", "waiting")
    assert re.search(r'value="2"[^>]* checked', page(client, link))


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_changes_nothing(client: Client, link: str, method: str) -> None:
    """Mail scanners follow every link."""
    getattr(client, method)(link)

    assert not Review.objects.exists()


def test_the_link_does_not_leak(client: Client, link: str) -> None:
    """Neither to search engines, nor to other sites, nor into a cache."""
    for answer in (client.get(link), client.post(link, {}), client.post(link, FORM)):
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert "no-store" in answer["Cache-Control"]


def test_the_form_is_accepted_from_our_own_page_only(line: OrderLine, link: str) -> None:
    """As every form of the shop."""
    assert Client(enforce_csrf_checks=True).post(link, FORM).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"rating": ""}, "Please choose the stars."),
        ({"rating": "0"}, "Select a valid choice"),
        ({"rating": "6"}, "Select a valid choice"),
        ({"rating": "4.5"}, "Select a valid choice"),
        ({"rating": "9" * 5_000}, "Select a valid choice"),
        ({"name": ""}, "This field is required"),
        ({"name": "   "}, "This field is required"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"text": "x" * (MOST_CHARS + 1)}, f"at most {MOST_CHARS} characters"),
    ],
)
def test_what_cannot_be_a_review_is_refused_and_nothing_typed_is_lost(
    client: Client, link: str, wrong: dict[str, str], complaint: str
) -> None:
    """The page says what is wrong, at the field."""
    answer = client.post(link, FORM | wrong)

    shown = answer.content.decode()
    assert answer.status_code == 200
    assert complaint in shown
    assert 'role="alert"' in shown
    assert ("Keeps warm." in shown) or "text" in wrong
    assert not Review.objects.exists()


def test_a_line_break_is_one_character(client: Client, link: str) -> None:
    """Browsers count one and send two; somebody who used up the limit is not refused."""
    client.post(link, FORM | {"text": "\r\n".join("x" * (MOST_CHARS // 2))})

    assert len(Review.objects.get().text) == MOST_CHARS - 1


def test_a_limit_that_was_lowered_keeps_what_is_there(client: Client, link: str) -> None:
    """Only what is sent from now on must fit."""
    client.post(link, FORM)
    long = "x" * (MOST_CHARS + 1)
    Review.objects.update(text=long)

    assert long in page(client, link)
    assert f"at most {MOST_CHARS} characters" in client.post(link, FORM | {"text": long}).content.decode()
    assert Review.objects.get().text == long


@pytest.mark.parametrize(
    "text", ["☕👩‍🌾👍🏽", "قهوة ممتازة", "\u202egnp.exe", "a\u0301" * 300, "<script>alert(1)</script>", "{{ x }}"]
)
def test_any_writing_is_kept_and_stays_text(client: Client, link: str, text: str) -> None:
    """Names and texts of any direction, each kept apart from what stands beside it."""
    client.post(link, FORM | {"text": text, "name": text[:100]})
    review = Review.objects.get()
    reviews.moderate(review.pk, review.changed_at, Review.Status.PUBLISHED, "sam")

    assert (review.text, review.name) == (text, text[:100])
    for shown in (page(client, link), page(client, reverse("product", args=["cup"]))):
        assert f"<bdi>{escape(text[:100], quote=True)}</bdi>" in shown
        assert f'dir="auto">{escape(text)}</p>' in shown


# --- the link --------------------------------------------------------------------------------------------------------


def test_an_old_link_says_what_to_do(client: Client, line: OrderLine) -> None:
    """And takes nothing any more."""
    token = made_ago(Subject(line.order_id, line.product_id), 366 * 24 * 3600)
    address = reverse("review", args=[token])

    assert "reply to the mail" in page(client, address, 410)
    assert client.post(address, FORM).status_code == 410
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    "forge",
    [
        lambda link: link[:-2] + ("A" if link[-2] != "A" else "B") + "/",
        lambda link: link.replace("reviews/W", "reviews/X"),
        lambda link: link.rpartition(":")[0] + "/",
        lambda link: "/reviews/x/",
        lambda link: "/reviews/::/",
        lambda link: "/reviews/%00/",
        lambda link: "/reviews/ً:é/",
        lambda link: f"/reviews/{'x' * 5_000}/",
    ],
)
def test_a_forged_link_is_not_found(client: Client, link: str, forge: Callable[[str], str]) -> None:
    """As if there were no such page."""
    assert client.get(forge(link)).status_code == 404
    assert client.post(forge(link), FORM).status_code == 404
    assert not Review.objects.exists()


@pytest.mark.parametrize("gone", ["not delivered", "order"])
def test_what_is_gone_says_so(client: Client, link: str, gone: str) -> None:
    """A good link to what cannot be reviewed any more."""
    if gone == "order":
        Notification.objects.all().delete()
        Order.objects.all().delete()
    else:
        Order.objects.update(status=OrderStatus.PAID)

    assert "nothing left to review" in page(client, link, 410)
    assert client.post(link, FORM).status_code == 410


def test_what_is_not_sold_any_more_is_reviewed_all_the_same(client: Client, link: str) -> None:
    """There is only no page to go to."""
    Product.objects.update(active=False)

    assert "/products/cup/" not in page(client, link)
    client.post(link, FORM)
    assert Review.objects.count() == 1


def test_a_published_review_cannot_be_changed(client: Client, link: str) -> None:
    """Nobody would read it again; a form that was open before says so."""
    client.post(link, FORM)
    review = Review.objects.get()
    reviews.moderate(review.pk, review.changed_at, Review.Status.PUBLISHED, "sam")

    assert 'type="radio"' not in page(client, link)
    answer = client.post(link, FORM | {"text": "Buy pills!"})
    assert (answer.status_code, Review.objects.get().text) == (409, "Keeps warm.")
    assert "has been published and can no longer" in answer.content.decode()


@pytest.mark.parametrize("status", ["waiting", "rejected"])
def test_until_then_it_says_where_it_stands(client: Client, link: str, status: str) -> None:
    """In either language."""
    client.post(link, FORM)
    review = Review.objects.get()
    if status == "rejected":
        reviews.moderate(review.pk, review.changed_at, Review.Status.REJECTED, "sam")

    sentences = {
        "waiting": ("We have your review", "Мы получили ваш отзыв"),
        "rejected": ("did not publish", "не опубликовали"),
    }
    english, russian = sentences[status]
    assert english in page(client, link)
    assert russian in page(client, link, language="ru")


# --- the product's page ----------------------------------------------------------------------------------------------


def test_the_product_shows_its_average_and_its_reviews(client: Client, write: Write) -> None:
    """Of the published ones, the last one first, for eyes and for ears."""
    write(5, "First."), write(4, "Second."), write(1, "Hidden.", status="waiting"), write(1, "Bad.", status="rejected")

    shown = page(client, reverse("product", args=["cup"]))

    assert "4.5 out of 5 stars" in shown
    assert "2 reviews" in shown
    assert shown.index("Second.") < shown.index("First.")
    assert "Hidden." not in shown
    assert "Bad." not in shown
    assert "4,5 из 5 звёзд" in page(client, reverse("product", args=["cup"]), language="ru")
    assert "4.5 out of 5 stars" in page(client, reverse("catalogue"))


def test_a_product_without_reviews_shows_no_stars(client: Client, write: Write) -> None:
    """Nothing is not nought."""
    write(status="waiting")

    for address in (reverse("catalogue"), reverse("product", args=["cup"])):
        assert "stars.svg" not in page(client, address)


def test_reviews_are_paged(client: Client, write: Write) -> None:
    """Each stands on one page; a page that is not there is not found."""
    for number in range(REVIEWS_PER_PAGE + 1):
        write(text=f"Review {number:02}.")
    address = reverse("product", args=["cup"])

    seen = [text for number in (1, 2) for text in re.findall(r"Review \d\d", page(client, f"{address}?page={number}"))]

    assert seen == [f"Review {number:02}" for number in reversed(range(REVIEWS_PER_PAGE + 1))]
    for wrong in ("0", "3", "-1", "x", "9" * 5_000):
        page(client, f"{address}?page={wrong}", 404)


@pytest.mark.parametrize("name", ["catalogue", "product"])
def test_reviews_cost_no_more_queries(client: Client, write: Write, name: str) -> None:
    """However many there are; also for a customer with a cart."""
    client.force_login(User.objects.create(username="ann@example.com"))
    client.post(reverse("cart-add"), {"product": Product.objects.get().pk})
    for _ in range(30):
        write()

    with at_most(min(8, MOST_QUERIES)):
        page(client, reverse(name, args=["cup"] if name == "product" else []))


# --- where they are read first ---------------------------------------------------------------------------------------


def decide(sam: Client, action: str, *chosen: Review, **more: Any) -> Any:
    """The action on those that were ticked."""
    fields = {"action": action, "_selected_action": [review.pk for review in chosen], **more}
    return sam.post(reverse(LIST), fields)


def seen(answer: Any) -> list[str]:
    """What the confirmation carries about the texts on it."""
    return re.findall(r'name="seen" value="([^"]+)"', answer.content.decode())


@pytest.mark.parametrize(("action", "status"), [("publish", "published"), ("reject", "rejected")])
def test_a_decision_shows_the_text_and_asks_once_more(sam: Client, write: Write, action: str, status: str) -> None:
    """It says who decided."""
    review = write(text="<b>Long</b> " + "x" * 500, status="waiting")

    asked = decide(sam, action, review)
    assert escape(review.text) in asked.content.decode()
    review.refresh_from_db()
    assert review.status == "waiting"

    decide(sam, action, review, confirmed="yes", seen=seen(asked))
    review.refresh_from_db()
    assert (review.status, review.moderated_by) == (status, "sam")
    assert review.moderated_at is not None


def test_what_was_changed_meanwhile_is_not_published(sam: Client, write: Write) -> None:
    """The page says so."""
    review = write(status="waiting")
    asked = decide(sam, "publish", review)
    Review.objects.update(text="Buy pills!", changed_at=F("changed_at") + timedelta(seconds=1))

    answer = decide(sam, "publish", review, confirmed="yes", seen=seen(asked))

    assert Review.objects.get().status == "waiting"
    assert "changed by their customers meanwhile: 1." in sam.get(answer["Location"]).content.decode()


@pytest.mark.parametrize("wrong", ["", "x", "1", "1@", "1@yesterday", "@", "9" * 50 + "@2026-01-01T00:00:00+00:00"])
def test_a_confirmation_that_is_not_ours_decides_nothing(sam: Client, write: Write, wrong: str) -> None:
    """Whatever stands in its fields."""
    assert decide(sam, "publish", write(status="waiting"), confirmed="yes", seen=[wrong]).status_code == 302
    assert Review.objects.get().status == "waiting"


def test_a_published_review_may_be_taken_away(sam: Client, write: Write) -> None:
    """It is gone from the product's page at once."""
    review = write(text="Slander.")

    decide(sam, "reject", review, confirmed="yes", seen=seen(decide(sam, "reject", review)))

    assert "Slander." not in page(sam, reverse("product", args=["cup"]))


def test_who_may_only_look_decides_nothing(client: Client, write: Write) -> None:
    """Nor changes a customer's words, whoever it is."""
    review = write(status="waiting")
    logged_in(client, "view_review", name="visitor")

    decide(client, "publish", review, confirmed="yes", seen=[f"{review.pk}@{review.changed_at.isoformat()}"])
    client.post(reverse("admin:commerce_review_change", args=[review.pk]), {"text": "Mine."})

    review.refresh_from_db()
    assert (review.status, review.text) == ("waiting", "Good.")


def test_a_moderator_changes_no_words(sam: Client, write: Write) -> None:
    """The page of a review is for reading."""
    review = write()
    address = reverse("admin:commerce_review_change", args=[review.pk])

    assert "Good." in page(sam, address)
    assert sam.post(address, {"text": "Mine."}).status_code == 403


def test_the_list_costs_the_same_for_many(sam: Client, write: Write) -> None:
    """No query per row."""
    write()
    with CaptureQueriesContext(connection) as few:
        page(sam, reverse(LIST))
    for _ in range(10):
        write()
    with CaptureQueriesContext(connection) as many:
        page(sam, reverse(LIST) + "?q=Good")

    assert len(many) <= len(few)
