"""The entry points for messages: each actor is a few lines that call the domain."""
