"""A root is sealed only after its secret in the vault was read, and held no private key: the third witness."""

from __future__ import annotations

import pytest

from dpsops.emulator.faults import Fault, Refuse
from dpsops.emulator.http import Request, Response
from dpsops.emulator.world import Timings
from dpsops.errors import Denied, Missing, Unreadable
from tests.workflows.by_hand import azure
from tests.workflows.commands import root_state, up
from tests.worlds import World, environment

_EC = environment(root={"key": "EC-P256"})


def _asks_for_the_secret(request: Request) -> bool:
    return request.path.startswith("/secrets/root-g1/") and "authorization" in request.headers


def _refused(status: int, code: str, inner: str) -> Response:
    lines = [
        "Caller is not authorized to perform action on resource.",
        "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'",
        "Resource: '/subscriptions/s/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv/secrets/root-g1'",
    ]
    return Response(status, {"error": {"code": code, "message": "\r\n".join(lines), "innererror": {"code": inner}}})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (_refused(403, "Forbidden", "ForbiddenByRbac"), Denied),
        (_refused(403, "Forbidden", "ForbiddenByFirewall"), Denied),
        (_refused(404, "SecretNotFound", ""), Missing),
        (Response(200, {"value": "", "id": "https://kv-dpsops-test.vault.azure.net/secrets/root-g1/1"}), Unreadable),
    ],
    ids=["no role", "firewall", "no secret", "empty"],
)
def test_a_root_is_not_sealed_before_its_secret_was_read(embedded: World, answer: Response, kind: type[Exception]) -> None:
    azure(embedded).timings = Timings()
    azure(embedded).faults.add(Fault(Refuse(answer), _asks_for_the_secret, times=None))
    with pytest.raises(kind):
        up(embedded.connect(_EC))
    assert type(root_state(embedded.connect(_EC), "root-g1")).__name__ == "Merged"
    azure(embedded).faults.clear()
    assert "checked and sealed" in [action.outcome for action in up(embedded.connect(_EC))]


def test_the_role_for_the_secret_is_named(embedded: World) -> None:
    azure(embedded).timings = Timings()
    answer = _refused(403, "Forbidden", "ForbiddenByRbac")
    azure(embedded).faults.add(Fault(Refuse(answer), _asks_for_the_secret, times=None))
    with pytest.raises(Denied) as denied:
        up(embedded.connect(_EC))
    assert "secrets/getSecret/action" in denied.value.message
    assert denied.value.hint.startswith("assign the role 'Key Vault Secrets Officer' on /subscriptions/s/")
