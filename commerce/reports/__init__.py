"""Daily reports: counted once for each closed day, shown as a page, as CSV and in a mail."""
