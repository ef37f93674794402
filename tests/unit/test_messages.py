"""Messages: only what Tillkeeper could have sent is read, whatever stands in the queue."""

import json
from typing import Any

import dramatiq
import pytest
from dramatiq.common import current_millis
from dramatiq.errors import DecodeError

from config.messaging.broker import MAX_DELAY_MS, MAX_MESSAGE_BYTES, StrictEncoder

ENCODER = StrictEncoder()
SECRET = "hush-hush-4111111111111111"
ACTORS = sorted(dramatiq.get_broker().get_declared_actors())

GOOD: dict[str, Any] = {
    "queue_name": "urgent",
    "actor_name": "check_payment",
    "args": [17],
    "kwargs": {},
    "options": {},
    "message_id": "1f2fcf35-e8bf-4543-a082-1dd80413d9b9",
    "message_timestamp": 1_795_229_367_748,
}

RETRIED = {
    "retries": 2,
    "traceback": "Traceback (most recent call last):\n" + "  File …, line 1\n" * 60,
    "requeue_timestamp": GOOD["message_timestamp"] + 60_000,
    "eta": GOOD["message_timestamp"] + 60_000 + MAX_DELAY_MS,
}


def changed(**fields: Any) -> bytes:
    """A good message with these fields."""
    return json.dumps(GOOD | fields).encode()


def without(field: str) -> bytes:
    """A good message that lacks a field."""
    return json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "garbage": b"\x00\xff garbage",
    "text": b"hello",
    "null": b"null",
    "a list": b"[]",
    "a number": b"17",
    "a string": b'"check_payment"',
    "half a message": changed()[:-5],
    "two messages": changed() + changed(),
    "deep JSON": b"[" * 60_000 + b"]" * 5_000,
    "too long": changed(args=["x" * MAX_MESSAGE_BYTES]),
    "another encoding": changed().decode().encode("utf-16"),
    "NaN": changed().replace(b"[17]", b"[NaN]"),
    "Infinity": changed().replace(b"[17]", b"[Infinity]"),
    "a huge number": changed().replace(b"[17]", b"[" + b"9" * 5_000 + b"]"),
    "an extra field": changed(priority=1),
    **{f"no {field}": without(field) for field in GOOD},
    **{f"{field} null": changed(**{field: None}) for field in GOOD},
    **{f"{field} an object": changed(**{field: {"a": 1}}) for field in GOOD if field not in ("kwargs", "options")},
    "kwargs a list": changed(kwargs=[]),
    "options a list": changed(options=[]),
    "a timestamp with parts": changed(message_timestamp=1.5),
    "a timestamp in words": changed(message_timestamp="now"),
    "a timestamp that is true": changed(message_timestamp=True),
    "a list for an argument": changed(args=[[17]]),
    "an object for an argument": changed(args=[{"id": 17}]),
    "a number with parts for an argument": changed(args=[17.0]),
    "true for an argument": changed(args=[True]),
    "a list for a named argument": changed(kwargs={"payment_id": [17]}),
    "retries in words": changed(options={"retries": "x"}),
    "retries null": changed(options={"retries": None}),
    "eta in words": changed(options={"eta": "soon"}),
    "eta null": changed(options={"eta": None}),
    "eta in the year 2500": changed(options={"eta": 16_725_225_600_000}),
    "requeued in words": changed(options={"requeue_timestamp": "x", "retries": 1}),
    "a traceback that is none": changed(options={"traceback": 17}),
    "another limit of retries": changed(options={"max_retries": "x"}),
    "another time limit": changed(options={"time_limit": "x"}),
    "another age limit": changed(options={"max_age": "x"}),
    "errors not to be retried": changed(options={"throws": "x"}),
    "a call on success": changed(options={"on_success": "prune_history"}),
    "a pipe": changed(options={"pipe_target": GOOD}),
}


@pytest.mark.parametrize("name", ACTORS)
@pytest.mark.parametrize("args", [(), (17,), (2**62,), ("sandbox",)], ids=str)
@pytest.mark.parametrize("options", [{}, RETRIED, {"retries": 1}], ids=["new", "delayed", "retried"])
def test_what_we_send_is_read_as_it_was_sent(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Every actor's messages, new or tried before, survive the way through the broker; the traceback stays behind."""
    message = dramatiq.get_broker().get_actor(name).message_with_options(args=args, **options)
    message = message.copy(message_timestamp=GOOD["message_timestamp"])

    read = ENCODER.decode(ENCODER.encode(message.asdict()))

    message.options.pop("traceback", None)
    assert dramatiq.Message(**read) == message.copy(args=list(args))


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_we_cannot_have_sent_is_refused(body: bytes) -> None:
    """One error for all of it, so that it becomes a dead letter and blocks nobody."""
    with pytest.raises(DecodeError, match=f"a body of {len(body)} bytes is not a Tillkeeper message"):
        ENCODER.decode(body)


@pytest.mark.parametrize(
    "body",
    [SECRET.encode(), changed(args=[[SECRET]]), changed(options={"retries": SECRET}), changed(**{SECRET: 1})],
    ids=["garbage", "argument", "option", "field"],
)
def test_the_error_never_repeats_the_body(body: bytes) -> None:
    """It would stand in the log, and the body may hold anything."""
    with pytest.raises(DecodeError) as caught:
        ENCODER.decode(body)

    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in repr(error) + str(error) + repr(vars(error))
        error = error.__cause__


def test_a_message_of_the_greatest_length_is_read() -> None:
    """The limit is a limit, to the byte."""
    room = MAX_MESSAGE_BYTES - len(changed(options={"traceback": ""}))

    assert ENCODER.decode(changed(options={"traceback": "x" * room}))
    with pytest.raises(DecodeError):
        ENCODER.decode(changed(options={"traceback": "x" * (room + 1)}))


def test_the_longest_wait_is_read() -> None:
    """Up to MAX_DELAY_MS from now; what waits longer would sit in a worker's memory, whenever it says it was sent."""
    now = current_millis()

    assert ENCODER.decode(changed(options={"eta": now + MAX_DELAY_MS}))
    for sent in (now, now + 10 * MAX_DELAY_MS):
        with pytest.raises(DecodeError):
            ENCODER.decode(changed(message_timestamp=sent, options={"eta": now + MAX_DELAY_MS + 60_000}))
