"""Daily reports: counted once for each closed day, and served as a page, as CSV and by mail."""
