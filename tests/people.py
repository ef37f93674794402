"""The people of the shop, with what they may do."""

from django.contrib.auth.models import Permission, User
from django.test import Client


def logged_in(client: Client, *permissions: str, name: str = "sam", is_staff: bool = True) -> Client:
    """Somebody with these permissions and no others, logged in with this client."""
    user = User.objects.create_user(name, is_staff=is_staff)
    found = Permission.objects.filter(codename__in=permissions)
    assert {each.codename for each in found} == set(permissions)
    user.user_permissions.set(found)
    client.force_login(user)
    return client
