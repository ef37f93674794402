"""The products and delivery methods of Till Coffee."""

from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from commerce.models import DeliveryMethod, Product, Seller
from config.cli.command import Command as Base


@dataclass(frozen=True)
class Goods:
    """The initial values of one product; the slug is its key."""

    slug: str
    price_minor: int
    stock: int
    name: str
    description: str
    name_ru: str
    description_ru: str
    seller: str

    @property
    def facts(self) -> dict[str, object]:
        """The values that the command refreshes. It does not change stock and "active" of an existing product."""
        return {
            "seller": Seller.objects.get(email=self.seller),
            "name": self.name,
            "description": self.description,
            "name_ru": self.name_ru,
            "description_ru": self.description_ru,
            "picture": f"commerce/products/{self.slug}.svg",
            "price_minor": self.price_minor,
            "currency": "EUR",
        }


ROASTERY, POTTERY, TOOLS = (f"{name}@sellers.example.com" for name in ("roastery", "pottery", "tools"))

SELLERS = {ROASTERY: "Corner Roastery", POTTERY: "Blue Enamel Pottery", TOOLS: "Brass & Steel"}

SHELF = (
    Goods(
        *("house-blend", 890, 240),
        *("House blend, 250 g", "Chocolate and hazelnut. Good at six in the morning."),
        *("Домашняя смесь, 250\N{NO-BREAK SPACE}г", "Шоколад и фундук. Хорош и в шесть утра."),
        ROASTERY,
    ),
    Goods(
        *("ethiopia-guji", 1250, 86),
        *("Ethiopia Guji, 250 g", "Washed and light: bergamot, peach and a clean finish."),
        *(
            "Эфиопия Гуджи, 250\N{NO-BREAK SPACE}г",
            "Мытая обработка, светлая обжарка: бергамот, персик и чистое послевкусие.",
        ),
        ROASTERY,
    ),
    Goods(
        *("brazil-cerrado", 940, 120),
        *("Brazil Cerrado, 250 g", "Roasted nuts and caramel, low acidity. Made for milk."),
        *("Бразилия Серрадо, 250\N{NO-BREAK SPACE}г", "Жареный орех и карамель, мало кислинки. Создан для молока."),
        ROASTERY,
    ),
    Goods(
        *("decaf", 980, 0),
        *("Decaf, 250 g", "Mountain-water process. All of the cup, none of the night."),
        *("Кофе без кофеина, 250\N{NO-BREAK SPACE}г", "Очищен горной водой. Весь вкус и спокойный сон."),
        ROASTERY,
    ),
    Goods(
        *("enamel-mug", 1400, 180),
        *("Enamel mug", "Steel under blue enamel. Survives the campfire and the dishwasher."),
        *("Эмалированная кружка", "Сталь под синей эмалью. Переживёт и костёр, и посудомойку."),
        POTTERY,
    ),
    Goods(
        *("espresso-cup", 1100, 48),
        *("Espresso cup", "Thick porcelain, 70 ml: keeps the crema warm to the last sip."),
        *("Чашка для эспрессо", "Толстый фарфор, 70 мл: пенка не остывает до последнего глотка."),
        POTTERY,
    ),
    Goods(
        *("travel-mug", 2600, 64),
        *("Travel mug", "Double-walled steel with a lid that keeps its word. 350 ml."),
        *("Термокружка", "Двойная стальная стенка и крышка, которая держит слово. 350 мл."),
        POTTERY,
    ),
    Goods(
        *("dripper", 2200, 35),
        *("Pour-over dripper", "A ceramic cone with deep ribs, for one cup or two."),
        *("Воронка для пуровера", "Керамический конус с глубокими рёбрами, на одну или две чашки."),
        POTTERY,
    ),
    Goods(
        *("filters", 450, 500),
        *("Paper filters, 100 pieces", "Unbleached, for the cone. They taste of nothing."),
        *("Бумажные фильтры, 100 штук", "Неотбеленные, для воронки. Без всякого привкуса."),
        TOOLS,
    ),
    Goods(
        *("french-press", 3200, 22),
        *("French press", "Borosilicate glass and a mesh that holds back the silt. Four cups."),
        *("Френч-пресс", "Боросиликатное стекло и сетка, которая удержит гущу. Четыре чашки."),
        TOOLS,
    ),
    Goods(
        *("grinder", 6400, 12),
        *("Hand grinder", "Steel burrs, forty clicks from espresso to French press."),
        *("Ручная кофемолка", "Стальные жернова, сорок щелчков от эспрессо до френч-пресса."),
        TOOLS,
    ),
    Goods(
        *("kettle", 5800, 7),
        *("Gooseneck kettle", "A thin, steady stream, poured where it is meant to go."),
        *("Чайник с тонким носиком", "Тонкая ровная струя льётся туда, куда нужно."),
        TOOLS,
    ),
    Goods(
        *("moka-pot", 3600, 3),
        *("Moka pot", "Three cups, eight sides, no electronics."),
        *("Гейзерная кофеварка", "Три чашки, восемь граней, никакой электроники."),
        TOOLS,
    ),
    Goods(
        *("scale", 3900, 31),
        *("Coffee scale", "A tenth of a gram, and a timer that starts with the pour."),
        *("Весы для кофе", "Десятая доля грамма и таймер, который запускается вместе с водой."),
        TOOLS,
    ),
    Goods(
        *("canister", 2400, 40),
        *("Airtight canister", "Holds 500 g of beans, and holds the air off them."),
        *("Герметичная банка", "Вмещает 500 г зёрен и не подпускает к ним воздух."),
        TOOLS,
    ),
)


DELIVERY = (("Courier", "Курьером", 490), ("Pick up in the shop", "Самовывоз из магазина", 0))
"""In this order, in euro cents."""


class Command(Base):
    help = "Creates or refreshes the products of the demonstration shop. Existing products keep their stock."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stock", type=_stock, metavar="N", help="set the stock of every active product to N")
        parser.add_argument("--quiet", action="store_true", help="print nothing")

    @transaction.atomic
    def handle(self, *_args: Any, **options: Any) -> None:
        stock: int | None = options["stock"]
        for email, name in SELLERS.items():
            Seller.objects.get_or_create(email=email, defaults={"name": name})
        _offer_delivery()
        added = sum(_put_on_shelf(goods) for goods in SHELF)
        if stock is not None:
            Product.objects.filter(active=True).update(stock=stock)
        if not options["quiet"]:
            restocked = "" if stock is None else f"; {stock} in stock of each"
            self.stdout.write(f"{len(SHELF)} products on the shelf, {added} of them new{restocked}")


def _offer_delivery() -> None:
    """Create the methods once: the shop may rename or delete them afterwards."""
    if not DeliveryMethod.objects.exists():
        for position, (name, name_ru, price_minor) in enumerate(DELIVERY, start=1):
            DeliveryMethod.objects.create(name=name, name_ru=name_ru, price_minor=price_minor, position=position)


def _put_on_shelf(goods: Goods) -> bool:
    """Create or refresh the product; True if it is new. Only a new product gets a stock."""
    new_facts = {**goods.facts, "stock": goods.stock, "active": True}
    return Product.objects.update_or_create(slug=goods.slug, defaults=goods.facts, create_defaults=new_facts)[1]


def _stock(value: str) -> int:
    """Raises ValueError, which argparse reports, unless it is a whole number that fits the column."""
    number = int(value)
    if not 0 <= number <= 2_147_483_647:
        raise ValueError(value)
    return number
