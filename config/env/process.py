"""Settings of every process: its mode and its log."""

from config import env
from config.env.reference import section

section("Mode")

PRODUCTION = env.flag(
    "PRODUCTION", False,
    help="Customers pay with real money here. Defaults that suit only a trial stop the start.",
    wrong="No: trial defaults are in use without a warning (a key on the disk, SQLite, mails into files).",
    example="yes",
)  # fmt: skip

section("Logs")

LOG_STYLE = env.choice(
    "LOG_STYLE", "json" if PRODUCTION else "readable", ("json", "readable"),
    otherwise="`json` in production, else `readable`",
    help="One JSON object per line, or lines for a person.",
    wrong="`readable` cannot be searched by field.",
    example="json",
)  # fmt: skip
LOG_LEVEL = env.choice(
    "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"),
    help="The lowest level that is logged.",
    wrong="Above INFO the log does not tell the story of a payment.",
)  # fmt: skip
LOG_FILE = env.file_to_write(
    "LOG_FILE",
    help="File that gets the same lines as the console, from every process. It is opened again after a rename: "
    "`deploy/logrotate/tillkeeper`. Empty: no file.",
    wrong="Hosts share it over a network: their lines mix. Without logrotate it fills the disk.",
    example="/var/log/tillkeeper/shop.log",
)  # fmt: skip
