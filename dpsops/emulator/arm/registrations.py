"""Which resource providers a subscription may use: it registers a provider once, which takes a while.

Source: recordings of `MissingSubscriptionRegistration` and of what follows, 2017 to 2023, one of them of Microsoft.Devices.
"""

from __future__ import annotations

from collections.abc import Iterable

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal, Response
from dpsops.emulator.resource_provider.errors import error
from dpsops.emulator.world import World

_KIND = "registration"
"""Key: subscription and namespace, lower case. {"registered": bool, "ready": epoch seconds}."""

_OWN = ("microsoft.resources", "microsoft.authorization")
"""What every subscription may use."""


def state(world: World, subscription: str, namespace: str) -> str:
    """`NotRegistered`, `Registering`, `Registered`, `Unregistering` or `Unregistered`."""
    document = world.state.get(_KIND, _key(subscription, namespace))
    if document is None:
        unregistered = namespace.lower() in map(str.lower, world.habits.unregistered)
        return "NotRegistered" if unregistered else "Registered"
    if world.now < document["ready"]:
        return "Registering" if document["registered"] else "Unregistering"
    return "Registered" if document["registered"] else "Unregistered"


def change(world: World, subscription: str, namespace: str, *, registered: bool) -> str:
    """Begins to register a provider, or to unregister it, and returns the state that this is answered with."""
    now = state(world, subscription, namespace)
    if now == ("Registered" if registered else "Unregistered"):
        return now
    document: JSON = {"registered": registered, "ready": world.now + world.timings.registration}
    world.state.put(_KIND, _key(subscription, namespace), document)
    return "Registering" if registered else "Unregistering"


def require(world: World, subscription: str, namespaces: Iterable[str]) -> None:
    """Refuses to use providers that the subscription has not registered; one that is being registered, too (stricter guess:
    every recorded client waits)."""
    wrong = []
    for namespace in dict.fromkeys(namespaces):
        if namespace.lower() not in _OWN and state(world, subscription, namespace) != "Registered":
            message = (
                f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how to "
                "register subscriptions."
            )
            wrong.append(error("MissingSubscriptionRegistration", message) | {"target": namespace})
    if wrong:
        details = {"details": wrong} if world.habits.registration_details else {}
        raise Refusal(Response(409, {"error": {key: wrong[0][key] for key in ("code", "message")} | details}))


def _key(subscription: str, namespace: str) -> str:
    return f"{subscription}/{namespace}".lower()
