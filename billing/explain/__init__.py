"""A payment explained: where it stands and why, its timeline, and both as JSON."""
