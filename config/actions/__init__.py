"""Actions: what an operator may do, declared once for the console, the admin and the commands.

An `Action` finds its subject, may ask for a reason, does the work and records it. `pages` shows it in the browser;
`admin` adds actions to the lists and pages of Django's admin.
"""

from config.actions.forms import Question, Reason
from config.actions.model import Action, ActionRefused, RefusedForAll, Subject, Text, do_one, record, row_of

__all__ = ["Action", "ActionRefused", "Question", "Reason", "RefusedForAll", "Subject", "Text"]
__all__ += ["do_one", "record", "row_of"]
