"""Callbacks of providers: stored before they are read, answered at once, and never believed."""
