"""A database with a million jobs and a million payments behind it, made by the database itself."""

import psycopg

ROWS = 1_000_000

STATEMENTS = (
    # A fifth is open, and half of that due; every hundredth waits for a person.
    """
    INSERT INTO billing_payment (
        claims, errors, asked_by, account, provider_ref, reference, idempotency_key, amount_minor, currency,
        description, return_url, pay_url, status, raw_status, reason, attention, attention_note, found_by,
        created_at, window_ends_at, next_check_at, ended_at
    )
    SELECT 0, 0, '', 'sandbox', 'sb_' || n, 'order-' || n, md5(n::text), 450, 'EUR', 'Order', 'http://x/', '',
        CASE WHEN n %% 5 = 0 THEN 'pending' ELSE 'succeeded' END, '', '',
        CASE WHEN n %% 100 = 0 THEN 'mismatch' ELSE '' END, '',
        CASE WHEN n %% 5 = 0 THEN '' ELSE 'callback' END,
        now() - n * interval '0.1 s', now() + interval '1 day',
        CASE WHEN n %% 10 = 0 THEN now() - n * interval '0.01 s' WHEN n %% 5 = 0 THEN now() + interval '1 hour' END,
        CASE WHEN n %% 5 = 0 THEN NULL ELSE now() END
    FROM generate_series(1, %(rows)s) AS n
    """,
    """
    INSERT INTO billing_paymentevent (
        claims, errors, asked_by, payment_id, source, target, raw_status, found_by, at, settle_after
    )
    SELECT 0, 0, '', id, 'pending', 'succeeded', '', 'callback', now(), NULL
    FROM billing_payment WHERE status = 'succeeded' ORDER BY id LIMIT 20000
    """,
    # Every twentieth failed; all of them in the last twenty minutes or so.
    """
    INSERT INTO actors_job (
        message_id, actor, queue, args, attempt, outcome, error, traceback, began_at, ended_at, waited_s, worker
    )
    SELECT md5(n::text), (ARRAY['check_payment', 'settle_orders', 'send_pending_emails'])[1 + n %% 3], 'urgent',
        '[' || n || ']', 1, CASE WHEN n %% 20 = 0 THEN 'failed' ELSE 'done' END,
        CASE WHEN n %% 20 = 0 THEN 'Unavailable: no answer' ELSE '' END, repeat('x', 200),
        now() - n * interval '0.00101 s', now() - n * interval '0.001 s', 0.1, 'host:1:abc'
    FROM generate_series(1, %(rows)s) AS n
    """,
)


def fill(url: str, rows: int = ROWS) -> None:
    """Into a database that is migrated and empty."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in STATEMENTS:
            connection.execute(statement, {"rows": rows})
        connection.execute("ANALYZE")
