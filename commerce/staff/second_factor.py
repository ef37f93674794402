"""The second factor of staff: codes of an app (TOTP, RFC 6238), and recovery codes for a lost phone, by django-otp.

Each code opens once, and wrong ones make the next wait longer (django-otp's own throttle, kept in the database). A code
may be one step of 30 s too old or too early. The library keeps the app's key readable in the database.
"""

from typing import Any

import django_otp
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_noop
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from commerce.staff.fresh import stamp
from config.actions.pages import keep_typed
from config.security_log import SecurityEvent, security_event

RECOVERY_CODES = 10
"""Of 40 random bits each; NIST SP 800-63B-4 asks for 20 and a throttle."""

CODE_DIGITS = 6
"""Of the app's codes (RFC 6238). A recovery code has eight letters and digits."""

SET_UP = gettext_noop("Second factor set up")


def has_one(user: Any) -> bool:
    """Is a second factor asked of this user?"""
    return bool(TOTPDevice.objects.devices_for_user(user, confirmed=True).exists())


def verify(user: Any, code: str) -> Device | None:
    """The device that takes the code; None: it is wrong, was used before, or comes too soon after a wrong one."""
    code = "".join(code.split()).lower()
    kind = TOTPDevice if code.isdecimal() and len(code) == CODE_DIGITS else StaticDevice
    with transaction.atomic():
        devices = kind.objects.devices_for_user(user, confirmed=True).select_for_update()
        device = next((device for device in devices if device.verify_token(code)), None)
    event = SecurityEvent.SECOND_FACTOR_ACCEPTED if device else SecurityEvent.SECOND_FACTOR_REFUSED
    security_event(SecurityEvent.RECOVERY_CODE_USED if isinstance(device, StaticDevice) else event, user.pk)
    return device


def offered(user: User) -> TOTPDevice:
    """The device that the user may set up: its key stays the same until its first code."""
    return TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "app"})[0]


def set_up(request: HttpRequest, code: str) -> list[str]:
    """Confirm the offered device by its first code. Returns the recovery codes; none if the code is wrong."""
    user: Any = request.user
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        device = TOTPDevice.objects.filter(user=user, confirmed=False).first()
        if has_one(user) or device is None or not device.verify_token(code):
            return []
        device.confirmed = True
        device.save()
        codes = _new_recovery_codes(user)
        kind = ContentType.objects.get_for_model(User)
        LogEntry.objects.create(
            user=user, content_type=kind, object_id=str(user.pk), object_repr=str(user), action_flag=CHANGE,
            change_message=f"{SET_UP}.",
        )  # fmt: skip
    accept(request, device)
    security_event(SecurityEvent.SECOND_FACTOR_SET_UP, user.pk)
    return codes


def accept(request: HttpRequest, device: Device) -> None:
    """This session has shown it."""
    django_otp.login(request, device)
    stamp(request)


def remove(user_id: int, by: str, why: str) -> bool:
    """Remove app and recovery codes of a user who has lost them; their sessions are no longer verified. False if there
    were none."""
    removed = TOTPDevice.objects.filter(user=user_id).delete()[0]
    removed += StaticDevice.objects.filter(user=user_id).delete()[0]
    if removed:
        transaction.on_commit(lambda: security_event(SecurityEvent.SECOND_FACTOR_REMOVED, user_id))
    return bool(removed)


def to_second_factor(request: HttpRequest) -> HttpResponse | None:
    """Send a session without the second factor to set it up, or to show it; None: it is verified, or not required.

    Required in production, and of a user who has one.
    """
    user: Any = request.user
    if user.is_verified() or not (settings.PRODUCTION or has_one(user)):
        return None
    keep_typed(request)
    place = "confirm-login" if has_one(user) else "second-factor"
    return HttpResponseRedirect(f"{reverse(place)}?{urlencode({'next': request.get_full_path()})}")


def _new_recovery_codes(user: User) -> list[str]:
    """Earlier ones are void."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes
