"""Registers orders that need attention, beside billing's rows."""

from django.db.models import Q

from billing.attention import ATTENTIVE, Attentive
from commerce.models import Order

ORDERS = ATTENTIVE["order"] = Attentive(Order, ~Q(attention_note=""), "placed_at")
