"""Measurements: each states what ran, how often, the median and the spread."""
