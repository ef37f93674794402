"""The console: the state of the background work, for staff, inside the admin site."""
