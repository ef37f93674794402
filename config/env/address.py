"""The shop's public address."""

from config import env
from config.env.reference import section

section("The address")

SHOP_URL = env.url(
    "SHOP_URL", "http://127.0.0.1:8000", schemes=("http", "https"), without=" ?#",
    help="Public address of the shop. Links in mails, return pages and callbacks start with it. In production "
    "`https://`.",
    wrong="Customers do not come back, callbacks do not arrive, and forms are refused (403).",
    example="https://shop.tillcoffee.example",
)  # fmt: skip
