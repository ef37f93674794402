"""Every setting that `billing`, `actors` and `config` read, for another project (billing/EMBEDDING.md).

`from config.env.embedding import *` at the end of its settings gives each its default, or its value from the
environment. What the project writes below that line comes instead.
"""

from config.env.address import *
from config.env.broker import *
from config.env.files import METRICS_DIR, VAR_DIR  # noqa: F401 (__all__ has them)
from config.env.mode import *
from config.env.monitoring import *
from config.env.payments import *
from config.env.transport import *

ACTOR_PROJECT = "actors.project.BILLING_ALONE"
"""What operators see beside billing."""

__all__ = [name for name in dir() if name.isupper()]  # a project may have an `env` of its own
