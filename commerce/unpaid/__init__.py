"""Goods that unpaid orders hold: how much one customer may, and how much all of them do."""
