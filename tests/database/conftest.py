"""Worlds, for tests that let a whole shop go wrong."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from pytest_django.fixtures import Settings

from commerce.mailserver import breaker
from tests.money.world import World
from tests.stack.mail import MailServer


@pytest.fixture
def make_world(settings: Settings) -> Iterator[Callable[..., World]]:
    """Each example has one of its own; the mail server is for all of them."""
    with MailServer() as mail:
        settings.EMAIL_BACKEND = "commerce.mailserver.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail.port
        breaker.reset()
        yield partial(World, settings, mail)
        breaker.reset()


@pytest.fixture
def world(make_world: Callable[..., World]) -> Iterator[World]:
    """One with goods for everybody."""
    world = make_world(stock=100)
    yield world
    world.close()
