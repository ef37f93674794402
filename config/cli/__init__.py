"""What all commands share: arguments, tables and exit statuses."""
