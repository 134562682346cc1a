"""`azure-iot-hub` and `azure-iot-deviceprovisioning`, each signed in with a connection string."""

from __future__ import annotations

from azure.iot.deviceprovisioning import DeviceProvisioningClient
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import ExportImportDevice, QuerySpecification

from tests.clients.python.saying import GROUND, attempt

HUB, DPS = "azure-iot-hub", "azure-iot-deviceprovisioning"
KEYS = ("c2l4dGVlbiBieXRlcy4uLg==", "YW5vdGhlciBzaXh0ZWVuLi4=")


def main() -> None:
    """Everything."""
    provisioning()
    registry()


def provisioning() -> None:
    """Entries of DPS."""
    client = DeviceProvisioningClient.from_connection_string(GROUND["dps"]["connection"])
    symmetric = {"type": "symmetricKey", "symmetricKey": {"primaryKey": KEYS[0], "secondaryKey": KEYS[1]}}
    with attempt("enrollment create", DPS):
        made = client.enrollment.create_or_update("lathe-1", {"registrationId": "lathe-1", "attestation": symmetric})
        assert made["registrationId"] == "lathe-1"
        client.enrollment_group.create_or_update("lathes", {"enrollmentGroupId": "lathes", "attestation": symmetric})
    with attempt("enrollment read", DPS):
        shown = client.enrollment.get("lathe-1")
        shown["provisioningStatus"] = "disabled"
        changed = client.enrollment.create_or_update("lathe-1", shown, if_match=shown["etag"])
        assert changed["provisioningStatus"] == "disabled"
        assert client.enrollment.get_attestation_mechanism("lathe-1")["symmetricKey"]["primaryKey"] == KEYS[0]
    with attempt("enrollment query", DPS):
        assert [each["registrationId"] for each in client.enrollment.query({"query": "SELECT * FROM enrollments"})] == ["lathe-1"]
        groups = [
            each["enrollmentGroupId"] for each in client.enrollment_group.query({"query": "SELECT * FROM enrollmentGroups"})
        ]
        assert "lathes" in groups
        assert isinstance(list(client.device_registration_state.query(groups[0])), list)
        client.enrollment.delete("lathe-1")
        client.enrollment_group.delete("lathes")


def registry() -> None:
    """Identities of a hub."""
    client = IoTHubRegistryManager.from_connection_string(GROUND["hub"]["connection"])
    with attempt("registry create", HUB):
        assert client.create_device_with_sas("mill-1", *KEYS, "enabled").authentication.symmetric_key.primary_key == KEYS[0]
        client.create_device_with_x509("mill-2", "A" * 40, "B" * 40, "disabled")
    with attempt("registry read", HUB):
        shown = client.get_device("mill-1")
        changed = client.update_device_with_sas("mill-1", shown.etag, *KEYS, "disabled")
        assert (changed.device_id, changed.status) == ("mill-1", "disabled")
        assert {"mill-1", "mill-2"} <= {each.device_id for each in client.get_devices()}
        assert client.get_device_registry_statistics().total_device_count >= 2
        assert client.get_twin("mill-1").device_id == "mill-1"
    with attempt("registry bulk", HUB):
        new = [ExportImportDevice(id=f"mill-{number}", import_mode="create", status="enabled") for number in (3, 4)]
        assert client.bulk_create_or_update_devices(new).is_successful
        assert client.get_device("mill-4").status == "enabled"
    with attempt("registry query", HUB):
        found = client.query_iot_hub(QuerySpecification(query="SELECT * FROM devices WHERE status = 'disabled'"))
        assert [each.device_id for each in found.items] == ["mill-1", "mill-2"]
        for number in range(1, 5):
            client.delete_device(f"mill-{number}")


if __name__ == "__main__":
    main()
