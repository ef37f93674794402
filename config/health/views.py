"""Two questions for whoever watches a process: does it live, and can it do its work?"""

import logging

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from config.health.process import HealthCheck, problems

log = logging.getLogger(__name__)


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Restart it if it does not."""
    return JsonResponse({"live": True})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The database answers and its migrations are in. Send no customers here if not.

    RabbitMQ is not asked: the web serves customers without it, that is the point of the design.
    """
    found = problems(READY_CHECKS)
    for name, problem in found.items():
        log.error("not_ready", extra={"check": name, "problem": problem})
    # Everybody may ask, so only the names are told; the sentences, with addresses, stand in the log.
    return JsonResponse({"ready": not found, "problems": list(found)}, status=503 if found else 200)


def database_problem() -> str | None:
    """What is wrong with the database, in a sentence; None if it answers and its migrations are in."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        return f"The database does not answer ({type(error).__name__}); see DATABASE_URL, now {database_address()}."
    if missing:
        return f"{len(missing)} migrations are missing; run `make migrate`."
    return None


def database_address() -> str:
    """Where the database is, without its password."""
    database = settings.DATABASES["default"]
    host = database.get("HOST")
    return f"{database['NAME']} at {host}:{database['PORT']}" if host else str(database["NAME"])


def closing_database_problem() -> str | None:
    """The same, for threads that nobody else closes connections for."""
    try:
        return database_problem()
    finally:
        connection.close()


READY_CHECKS: dict[str, HealthCheck] = {"database": database_problem}
