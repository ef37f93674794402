"""The shelf: found, leafed through, looked at."""

import re

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from commerce.catalogue import PER_PAGE
from commerce.models import CartItem, Order, Product, Seller
from tests.database.test_pages import FORM, MOST_QUERIES, at_most
from tests.shop import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf() -> None:
    """What the demonstration shop sells."""
    call_command("demoshop", "--quiet")


@pytest.fixture
def thousand() -> None:
    """A long shelf."""
    pottery = Seller.objects.create(name="Pottery", email="pottery@sellers.example.com")
    for number in range(1_000):
        names = {"name": f"Cup {number:04}", "name_ru": f"Чашка {number:04}"}
        Product(slug=f"cup-{number}", **names, price_minor=1, stock=1, seller=pottery).save()


def names(page: str) -> list[str]:
    """The products on a page of the catalogue."""
    return re.findall(r'<h2><a href="/products/[^"]+">([^<]+)</a></h2>', page)


def found(client: Client, query: str, language: str = "en") -> list[str]:
    """What is shown to somebody who looks for this."""
    answer = client.get(reverse("catalogue"), {"q": query}, headers={"accept-language": language})
    assert answer.status_code == 200
    return names(answer.content.decode())


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("kettle", "Gooseneck kettle"),
        ("KETTLE", "Gooseneck kettle"),
        ("  stream   thin ", "Gooseneck kettle"),
        ("goose kettle", "Gooseneck kettle"),
        ("“kettle”,", "Gooseneck kettle"),
        ("ЧАЙНИК", "Gooseneck kettle"),
        ("рЁбРаМи", "Pour-over dripper"),
        ("ребрами", "Pour-over dripper"),
        ("ｋｅｔｔｌｅ", "Gooseneck kettle"),
    ],
)
def test_every_word_is_looked_for_in_any_case_and_either_language(
    shelf: None, client: Client, query: str, first: str
) -> None:
    """In names and descriptions."""
    assert found(client, query) == [first]


def test_what_was_found_is_counted_and_named_in_the_readers_language(shelf: None, client: Client) -> None:
    """For screen readers, in the title and in a status."""
    answer = client.get(reverse("catalogue"), {"q": "эспрессо"}, headers={"accept-language": "ru"}).content.decode()

    assert names(answer) == ["Ручная кофемолка", "Чашка для эспрессо"]
    assert '<p role="status">2 товара по запросу «эспрессо»</p>' in answer
    assert "<title>Поиск: эспрессо · Till Coffee</title>" in answer


@pytest.mark.parametrize("query", ["kettle mug", "%", "_____", "\\", "' OR 1=1 --", "<script>", "☕", "x" * 50_000])
def test_what_is_not_there_is_not_found(shelf: None, client: Client, query: str) -> None:
    """Whatever stands in the query stays text, and there is a way back."""
    answer = client.get(reverse("catalogue"), {"q": query})

    page = answer.content.decode()
    assert (answer.status_code, names(page)) == (200, [])
    assert "Nothing found" in page
    assert "<script>" not in page


@pytest.mark.parametrize("query", ["", "   "])
def test_nothing_to_look_for_is_the_whole_shelf(shelf: None, client: Client, query: str) -> None:
    """As if nobody had asked."""
    assert len(found(client, query)) == PER_PAGE


def test_a_text_that_changes_is_found_at_once(shelf: None, client: Client) -> None:
    """Also where only some fields are saved, as the admin does."""
    product = Product.objects.get(slug="scale")
    product.name = "Balance"
    product.save(update_fields=["name"])

    assert (found(client, "balance"), found(client, "coffee scale")) == (["Balance"], [])


def test_every_product_stands_on_exactly_one_page(thousand: None, client: Client) -> None:
    """The links lead from the first page to the last, and keep the search."""
    address: str | None = reverse("catalogue") + "?q=cup+09"
    seen: list[str] = []
    while address:
        page = client.get(address).content.decode()
        seen += names(page)
        link = re.search(r'<link rel="next" href="([^"]+)"', page)
        address = link[1].replace("&amp;", "&") if link else None

    assert seen == [f"Cup {number:04}" for number in range(1_000) if "09" in f"{number:04}"]


@pytest.mark.parametrize("page", ["0", "3", "-1", "1.5", "one", "9" * 5_000, ""])
def test_a_page_that_is_not_there_is_not_found(shelf: None, client: Client, page: str) -> None:
    """Fifteen products fill two pages."""
    assert client.get(reverse("catalogue"), {"page": "2"}).status_code == 200
    assert client.get(reverse("catalogue"), {"page": page}).status_code == 404


def test_a_product_has_a_page_of_its_own(shelf: None, client: Client) -> None:
    """In either language, with what is left of it."""
    address = reverse("product", args=["moka-pot"])

    english = client.get(address).content.decode()
    russian = client.get(address, headers={"accept-language": "ru"}).content.decode()

    assert "<title>Moka pot · Till Coffee</title>" in english
    assert "Only 3 are left." in english
    assert 'max="3"' in english
    assert "<h1>Гейзерная кофеварка</h1>" in russian
    assert "Three cups" not in russian


def test_a_product_without_russian_texts_is_shown_in_english(shop: Shop, client: Client) -> None:
    """Better than nothing."""
    shop.product()

    assert found(client, "espresso", "ru") == ["Espresso"]


def test_what_is_sold_out_says_so_and_offers_no_button(shelf: None, client: Client) -> None:
    """The page stays: somebody may come back for it."""
    page = client.get(reverse("product", args=["decaf"])).content.decode()

    assert "Sold out" in page
    assert "Add to cart" not in page


@pytest.mark.parametrize("slug", ["nothing", "x" * 5_000, "kettle"])
def test_what_is_not_for_sale_has_no_page(shelf: None, client: Client, slug: str) -> None:
    """Nor has what never was."""
    Product.objects.filter(slug="kettle").update(active=False)

    assert client.get(f"/products/{slug}/").status_code == 404


@pytest.mark.parametrize(("quantity", "taken"), [("3", 3), ("99", 99), ("", 1)])
def test_so_many_are_put_into_the_cart(shop: Shop, client: Client, quantity: str, taken: int) -> None:
    """As the product's page says; one, where it says nothing."""
    client.post(reverse("cart-add"), {"product": shop.product().pk, "quantity": quantity})

    assert CartItem.objects.get().quantity == taken


@pytest.mark.parametrize("quantity", ["0", "-1", "100", "1.5", "many", "9" * 5_000])
def test_no_such_quantity_is_put_into_the_cart(shop: Shop, client: Client, quantity: str) -> None:
    """The product's page says so."""
    product = shop.product()

    answer = client.post(reverse("cart-add"), {"product": product.pk, "quantity": quantity}, follow=True)

    assert answer.redirect_chain == [(reverse("product", args=[product.slug]), 302)]
    assert "That quantity cannot be ordered." in answer.content.decode()
    assert not CartItem.objects.exists()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_an_order_keeps_the_names_in_both_languages(shop: Shop, shelf: None, client: Client, language: str) -> None:
    """Each reader sees their own."""
    client.post(reverse("cart-add"), {"product": Product.objects.get(slug="moka-pot").pk})
    client.post(reverse("checkout"), FORM, headers={"accept-language": language})

    line = Order.objects.get().lines.get()
    assert (line.name, line.name_ru) == ("Moka pot", "Гейзерная кофеварка")


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("page", ["/", "/?page=84", "/?q=cup+9", "/?q=nothing", "/products/cup-500/"])
def test_a_long_shelf_costs_no_more_queries(thousand: None, client: Client, page: str) -> None:
    """Also for somebody with a cart."""
    client.post(reverse("cart-add"), {"product": Product.objects.order_by("pk")[0].pk})

    with at_most(MOST_QUERIES):
        assert client.get(page).status_code == 200
