"""Two health checks for the web: is the process alive, and can it do its work?"""

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
    """The database answers and its migrations are applied. Otherwise send no customers here.

    RabbitMQ is not checked: the web serves customers without it.
    """
    found = problems(READY_CHECKS)
    for name, problem in found.items():
        log.error("not_ready", extra={"check": name, "problem": problem})
    # The page is public, so it shows names only; the sentences, with addresses, go to the log.
    return JsonResponse({"ready": not found, "problems": list(found)}, status=503 if found else 200)


def database_problem() -> str | None:
    """A sentence if the database does not answer or migrations are missing; None if all is well."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        return f"The database does not answer ({type(error).__name__}); see DATABASE_URL, now {database_address()}."
    if missing:
        return f"{len(missing)} migrations are missing; run `make migrate`."
    return None


def database_address() -> str:
    """The database's address, without its password."""
    database = settings.DATABASES["default"]
    host = database.get("HOST")
    return f"{database['NAME']} at {host}:{database['PORT']}" if host else str(database["NAME"])


def closing_database_problem() -> str | None:
    """The same, for threads whose connections Django does not close."""
    try:
        return database_problem()
    finally:
        connection.close()


READY_CHECKS: dict[str, HealthCheck] = {"database": database_problem}
