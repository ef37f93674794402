"""Callbacks of providers: stored before they are read, answered at once, never trusted."""
