"""PostgreSQL and SQLite: counts, pages of long lists, migrations that do not block the shop, backups."""
