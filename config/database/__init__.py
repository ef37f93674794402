"""PostgreSQL and SQLite: counts, pages of long lists, migrations that lock nobody out, backups."""
