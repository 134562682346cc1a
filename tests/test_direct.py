"""Without a network the embedded Azure is asked, answers and fails as it does over a socket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from dpsops.emulator.faults import Drop, Fault
from dpsops.emulator.http import Request
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from dpsops.emulator.server import EmbeddedAzure
from dpsops.emulator.world import Timings
from dpsops.errors import Unavailable
from dpsops.settings import Vault
from tests.direct import DirectAdapter
from tests.worlds import embedded_world, environment, start_embedded

ARM = f"https://management.azure.com/subscriptions/{SUBSCRIPTION}"
LOGIN = f"https://login.microsoftonline.com/{OPERATOR.tenant_id}"
UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OF_THE_WIRE = {"content-length", "date", "host", "server", "x-ms-request-id"}

REQUESTS = [
    ("GET", f"{LOGIN}/v2.0/.well-known/openid-configuration", None),
    ("POST", f"{LOGIN}/oauth2/v2.0/token", "client_id=a&client_secret=b+c&grant_type=client_credentials&scope=d"),
    ("HEAD", f"{ARM}/resourcegroups/rg?api-version=2021-04-01", None),
    ("GET", f"{ARM}/resourcegroups/a%20b%2Fc?api-version=2021-04-01&$filter=name%20eq%20'x'&empty=", None),
    ("PUT", f"{ARM}/resourcegroups/rg?api-version=2021-04-01", '{"location": "Zürich"}'.encode()),
]


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[EmbeddedAzure]:
    with start_embedded(tmp_path, Timings()) as azure:
        yield azure


def without_the_wire(headers: dict[str, str]) -> dict[str, str]:
    """Headers without those that HTTP itself adds, and the one that is new each time."""
    return {name.lower(): value for name, value in headers.items() if name.lower() not in OF_THE_WIRE}


@pytest.mark.parametrize(("method", "url", "body"), REQUESTS)
def test_a_request_and_its_answer_are_the_same(azure: EmbeddedAzure, method: str, url: str, body: str | bytes | None) -> None:
    seen = list[Request]()
    azure.azure.observers.append(lambda request, _: seen.append(request))
    answers = []
    for direct in (False, True):
        with requests.Session() as session:
            session.trust_env = False
            if direct:
                session.mount("https://", DirectAdapter(azure.azure))
            form = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
            headers = {"Content-Type": form, "Accept-Encoding": "identity"}
            answer = session.request(
                method, url, data=body, headers=headers, proxies={"https": azure.proxy_url}, verify=str(azure.authority_file)
            )  # fmt: skip
            answers.append((answer.status_code, without_the_wire(dict(answer.headers)), UNIQUE.sub("ID", answer.text)))
    assert answers[0] == answers[1]
    over_a_socket, directly = (replace(each, headers=without_the_wire(dict(each.headers))) for each in seen)
    assert over_a_socket == directly


@pytest.mark.parametrize("direct", [False, True])
def test_a_host_that_does_not_exist_is_told(azure: EmbeddedAzure, direct: bool) -> None:
    connection = embedded_world(azure, environment(vault=Vault(name="kv-nowhere")), direct=direct).connect()
    with pytest.raises(Unavailable, match=r"^there is no host kv-nowhere\.vault\.azure\.net$"):
        connection.roots.all()


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("work_done", [False, True])
def test_a_connection_that_breaks_is_tried_again(azure: EmbeddedAzure, direct: bool, work_done: bool) -> None:
    world = embedded_world(azure, direct=direct)
    azure.azure.faults.add(Fault(Drop(work_done=work_done), lambda request: request.path.endswith("/resourcegroups"), times=2))
    before = world.clock.now()
    assert list(world.connect().clients.groups.resource_groups.list()) == []
    assert 0 < world.clock.now() - before < 60
    azure.azure.faults.add(Fault(Drop(work_done=work_done), times=None))
    with pytest.raises(Unavailable, match=r"^Azure cannot be reached: "):
        world.connect().deployments.vaults()
