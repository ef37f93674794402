"""The sections of deploy/RUNBOOK.md that findings lead to, and how urgent each is.

A finding has no urgency of its own: it is that of its section. Where the section is an alert's, the console is as loud
as the alert, so that a ticket is never painted red (`tests/unit/test_alert_rules.py`).
"""

SECTIONS: dict[str, bool] = {
    # alerts that wake a person
    "brokerunreachable": True,
    "clocksetback": True,
    "customerswait": True,
    "databaseaway": True,
    "mailserveraway": True,
    "mailslate": True,
    "provideraway": True,
    "providerrefuses": True,
    "queueunattended": True,
    "schedulelate": True,
    "schedulersgone": True,
    "workersgone": True,
    # alerts that are tickets
    "databasediffers": False,
    "deadletters": False,
    "disputedeadline": False,
    "loglinesdropped": False,
    "mailsgivenup": False,
    "personmustlook": False,
    "providerheld": False,
    "queuemissing": False,
    "queuestuck": False,
    "worklate": False,
    # findings without an alert
    "a-long-queue": True,
    "a-lost-worker": False,
    "a-pause": False,
    "a-pause-that-the-provider-asked-for": True,
    "a-queue-with-other-arguments": True,
    "an-entry-without-an-actor": True,
    "broker_metrics_url": False,
    "goods-held-by-unpaid-orders": False,
    "lost-rights-at-the-broker": True,
    "runs-missing-in-the-history": False,
    "settings-that-do-not-suit-customers": True,
    "several-releases": False,
}
"""By anchor: True if customers or money wait. The others can wait for office hours."""
