"""No token, secret or body goes to a host that an answer names."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.polling import LROPoller
from azure.identity import ClientSecretCredential
from azure.mgmt.resource.deployments.models import DeploymentWhatIf, DeploymentWhatIfProperties

from dpsops.azure.answers import ended
from dpsops.azure.clients import Clients
from dpsops.azure.home import require_home
from dpsops.azure.sign_in import to_authority
from dpsops.azure.transport import Transport
from dpsops.errors import Unreadable
from tests.azure.answers import Given, Token, transport
from tests.worlds import environment, unpooled

HOME = "hub.azure-devices.net"
THIEF = "https://thief.example.com"
SECRET = "not-to-be-sent"


@pytest.mark.parametrize("url", [f"https://{HOME}/x", f"HTTPS://{HOME.upper()}:443/x?y#z"])
def test_home(url: str) -> None:
    require_home(url, HOME)


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOME}/", f"https://{HOME}:8443/", f"https://{HOME}.example.com/", f"https://{HOME}@thief.example.com/",
        "https://thief.example.com\\@" + HOME, f"//{HOME}/", "/x", "", f"https://x{HOME}/", "https://[::1/", f"https://{HOME}:99999/",
    ],
)  # fmt: skip
def test_elsewhere(url: str) -> None:
    with pytest.raises((ValueError, Unreadable), match=r"another host|Invalid IPv6"):
        require_home(url, HOME)


class Watched(Transport):
    """A transport that gives these answers, and keeps which hosts were asked."""

    def __init__(self, *answers: Given) -> None:
        super().__init__(session=transport(*answers).session)
        self.asked: list[str] = []

    def sleep(self, duration: float) -> None:
        """Does not wait."""

    def send(self, request: Any, **options: Any) -> Any:
        """The next answer."""
        self.asked.append(str(request.url))
        return super().send(request, **options)


def clients(*answers: Given) -> tuple[Clients, Watched]:
    wire = Watched(*answers)
    return Clients(environment(), "s", Token(), wire, unpooled), wire


def page(_: requests.PreparedRequest) -> tuple[int, Any, dict[str, str]]:
    return 200, {"value": [], "nextLink": f"{THIEF}/next"}, {}


def test_the_next_page_of_a_list_is_at_home() -> None:
    found, wire = clients(page)
    with pytest.raises(Unreadable, match="another host"):
        found.management("2022-04-01").pages("/subscriptions/s/providers/Microsoft.Authorization/roleAssignments")
    assert len(wire.asked) == 1
    found, wire = clients(page)
    with pytest.raises(Unreadable, match="another host"):
        list(found.hubs.iot_hub_resource.list_by_resource_group("g"))
    assert len(wire.asked) == 1


@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_redirect_stays_at_home(status: int) -> None:
    found, wire = clients((status, "", {"Location": f"{THIEF}/there"}))
    with pytest.raises(Unreadable, match="another host"):
        found.secrets.get_secret("x")
    assert len(wire.asked) == 1


def test_an_operation_whose_end_was_not_read_is_an_error() -> None:
    """The SDKs' poller takes a `TypeError` for no error, and returns the first answer: a what-if without any change."""

    class Broken(LROPoller[str]):
        def result(self, timeout: float | None = None) -> str:
            return "first"

        def status(self) -> str:
            return "InProgress"

        def done(self) -> bool:
            return True

    with pytest.raises(TypeError, match="whose end cannot be read"):
        ended(Broken.__new__(Broken))
    operation = {"Azure-AsyncOperation": "https://management.azure.com/operation"}
    odd: list[Any] = [{"status": None}, [], 7, None, ""]
    for answer in odd:
        found, _ = clients((202, {}, operation), (200, answer, {}))
        question = DeploymentWhatIf(properties=DeploymentWhatIfProperties(mode="Incremental"))
        with pytest.raises((TypeError, AttributeError, AzureError)):
            ended(found.deployments.deployments.begin_what_if("g", "dpsops", question))


@pytest.mark.parametrize("header", ["Location", "Azure-AsyncOperation"])
def test_an_operation_is_asked_for_at_home(header: str) -> None:
    found, wire = clients((202, {}, {header: f"{THIEF}/operation"}))
    with pytest.raises(Unreadable, match="another host"):
        found.groups.resource_groups.begin_delete("g").result()
    assert len(wire.asked) == 1


def test_a_client_secret_goes_to_the_authority_alone() -> None:
    host = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47"
    configuration = {"authorization_endpoint": f"{host}/a", "token_endpoint": f"{THIEF}/token", "issuer": f"{host}/v2.0"}
    wire = Watched((200, configuration, {}), (200, {}, {}))
    credential = ClientSecretCredential(host.rsplit("/", 1)[1], "client", SECRET, **to_authority(wire))
    with pytest.raises((ValueError, Unreadable, ClientAuthenticationError)):
        credential.get_token("https://vault.azure.net/.default")
    assert not [each for each in wire.asked if each.startswith(THIEF)]
