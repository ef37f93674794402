"""Any answer as plain values for JSON: the same shape in the console and at the command line."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from django.db.models import Model

from actors.models import Job
from billing.explain.serialize import serialize_payment
from billing.models import Payment


def plain(value: Any) -> Any:
    """Dataclasses and rows become mappings. Values that JSON or Django's encoder can write stay as they are."""
    if isinstance(value, Model):
        as_mapping: Callable[[Any], dict[str, Any]] = ROWS.get(type(value), _loaded_columns)
        return {name: plain(each) for name, each in as_mapping(value).items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def _loaded_columns(row: Model) -> dict[str, Any]:
    left_out = row.get_deferred_fields()
    names = [field.attname for field in row._meta.concrete_fields if field.attname not in left_out]
    return {name: getattr(row, name) for name in names}


ROWS: dict[type[Model], Callable[[Any], dict[str, Any]]] = {
    Job: lambda job: {**_loaded_columns(job), "took_s": job.took_s},
    Payment: serialize_payment,
}
"""Rows with a JSON form of their own."""
