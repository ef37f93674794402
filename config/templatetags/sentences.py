"""`{{ row.attention_note|shown }}`: a stored sentence in the reader's language."""

from django import template

from config.formats import sentences

register = template.Library()
register.filter("shown", sentences.shown)
