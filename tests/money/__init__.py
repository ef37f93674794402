"""The whole money core as a machine that Hypothesis drives: customers, providers, workers, operators and the clock."""
