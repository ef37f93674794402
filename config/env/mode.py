"""Is this a trial, or do customers pay?"""

from config import env
from config.env.reference import section

section("Mode")

PRODUCTION = env.flag(
    "PRODUCTION", False,
    help="Customers pay with real money here. Defaults that suit only a trial stop the start.",
    wrong="No: trial defaults are in use without a warning (a key on the disk, SQLite, mails into files).",
    example="yes",
)  # fmt: skip
