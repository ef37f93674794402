"""The due column: claims, leases and outcomes of slow work, and the metrics about them."""
