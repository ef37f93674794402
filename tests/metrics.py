"""A page of metrics, for tests that ask what it says."""

from prometheus_client.parser import text_string_to_metric_families

from actors.metrics.page import metrics_page
from config.metrics.registry import DATABASE


class Page:
    """Its numbers, by name and labels."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Of all samples of that name whose labels agree; 0 if there is none."""
        fitting = (sample for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items())
        return sum(sample.value for sample in fitting)

    def labels(self, name: str, label: str) -> set[str]:
        """The values of the label."""
        return {sample.labels[label] for sample in self.samples if sample.name == name}

    @property
    def names(self) -> set[str]:
        """Names as the catalogue has them: those of counters end in `_total`."""
        return {name + "_total" * (family.type == "counter") for name, family in self.families.items()}


def page() -> Page:
    """What a web process shows."""
    status, _content_type, body = metrics_page(DATABASE)
    assert status == 200
    return Page(body.decode())


class Counted:
    """What was counted since this object was made."""

    def __init__(self) -> None:
        self._before = self._now()

    def __call__(self, name: str, **labels: str) -> float:
        return self._now().sum(name, **labels) - self._before.sum(name, **labels)

    def _now(self) -> Page:
        return page()
