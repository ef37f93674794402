"""What operators see and do, asked once and done once, for console, commands and metrics alike."""
