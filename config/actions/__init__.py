"""Actions: what a person may do, declared once and used by the console, the admin and the commands alike.

An `Action` finds its subject, may ask for a reason, does the deed and records it. `pages` asks and answers in the
browser, `admin` puts actions into the lists and on the pages of Django's admin.
"""

from config.actions.forms import Question, Reason
from config.actions.model import Action, ActionRefused, RefusedForAll, Subject, Text, do_one, record, row_of

__all__ = ["Action", "ActionRefused", "Question", "Reason", "RefusedForAll", "Subject", "Text"]
__all__ += ["do_one", "record", "row_of"]
