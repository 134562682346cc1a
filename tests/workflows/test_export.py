"""`device export` beside somebody who removes things."""

from __future__ import annotations

from dpsops.model.action import Failed
from dpsops.pki.names import DeviceId
from dpsops.workflows.export import Exported, export
from tests.workflows.commands import issue_to
from tests.workflows.doing import OTHER, PRESS
from tests.worlds import World


def test_a_secret_that_is_removed_between_its_export_and_the_removal_of_its_key(quick: World) -> None:
    issue_to(quick.connect(), PRESS, OTHER)
    connection, rival = quick.connect(), quick.connect().clients.secrets

    def deliver(device: DeviceId, _: str) -> tuple[str, bool]:
        if device == PRESS:
            rival.begin_delete_secret(f"device-{device}").wait()
        return f"{device}.pem", True

    results = {each.device: each for each in export(connection.run, connection.leaves, [PRESS, OTHER], deliver, remove_key=True)}
    assert results == {
        PRESS: Failed(
            PRESS, "somebody has removed the secret of press-07 in the meantime: 'dpsops device list' shows what is there"
        ),
        OTHER: Exported(OTHER, "press-08.pem", written=True, key_removed=True),
    }
