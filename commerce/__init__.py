"""The shop: catalogue, carts, orders and the mails about them."""
