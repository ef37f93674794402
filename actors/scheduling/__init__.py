"""The schedule: its table, its periods, the ledger of ticks, and the scheduler."""
