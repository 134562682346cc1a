"""What is in the way of `up`, and what it says about it."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.certificates import CertificatePolicy, KeyType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dpsops.azure.errors import explain
from dpsops.cloud import Identity
from dpsops.emulator.faults import Fault, Refuse, Throttle
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION
from dpsops.emulator.rbac import ASSIGNMENT
from dpsops.emulator.world import Timings
from dpsops.errors import Error, NotAllowed, Refused
from dpsops.pki import chains, profiles
from dpsops.pki.names import device_id, secret_name
from dpsops.workflows import device, prove, root, root_state, status
from dpsops.workflows.run import Run
from dpsops.workflows.up import Plan, plan, up
from tests.workflows.doing import PRESS, converge, ready
from tests.worlds import World, environment

YEAR = 365.25 * 86_400


def azure(world: World) -> Any:
    """The Azure behind the world."""
    assert world.embedded is not None
    return world.embedded.azure


def deploy_only(world: World) -> Run:
    """An environment whose resources exist, and nothing in them yet."""
    run = world.run()
    for action in _until_the_root(world):
        assert action
    return run


def _until_the_root(world: World) -> list[str]:
    azure(world).faults.add(
        Fault(
            Refuse(Response(503, {"error": {"code": "ServiceUnavailable", "message": "Stopped here."}})),
            lambda request: request.path.endswith("/create"),
            times=None,
        )
    )
    with pytest.raises(HttpResponseError, match="Stopped here"):
        converge(world.run())
    azure(world).faults.clear()
    return ["deployed"]


def create(run: Run, name: str, tags: dict[str, str], *, exportable: bool) -> None:
    """A self-signed certificate in the vault, made by hand."""
    policy = CertificatePolicy("Self", subject="CN=by hand", exportable=exportable, key_type=KeyType.rsa, key_size=2048)
    run.cloud.certificates.begin_create_certificate(name, policy, tags=tags).result()


def self_signed(common_name: str, now: Any) -> x509.Certificate:
    """A root that is not ours."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    wanted = profiles.Root(subject, key.public_key(), lifetime=profiles.PROOF_LIFETIME * 365)
    return profiles.issue_root(wanted, key, serial=x509.random_serial_number(), now=now)


def upload(run: Run, name: str, certificate: x509.Certificate) -> None:
    """A CA certificate, uploaded to the DPS by hand."""
    run.cloud.registries[0].upload(name, chains.pem(certificate))


def test_roles_take_their_time_and_up_waits_for_them(embedded: World) -> None:
    converge(embedded.run())
    assert "waiting for the new roles to reach the vault (minutes, on Azure)" in embedded.said


def test_roles_that_never_arrive_end_in_azures_words(embedded: World) -> None:
    azure(embedded).timings = Timings(role=1e9)
    with pytest.raises(HttpResponseError) as refused:
        converge(embedded.run())
    explained = explain(refused.value)
    assert isinstance(explained, NotAllowed)
    assert "Caller is not authorized" in explained.message
    assert "'Key Vault Certificates Officer' on /subscriptions/" in explained.hint


def take_the_roles_away(world: World) -> None:
    """As for an identity that never deployed this environment, or after a deployment that failed before its roles."""
    with azure(world).database.transaction() as state:
        for key, assignment in state.list(ASSIGNMENT):
            if "/providers/microsoft." in assignment["scope"].lower():
                state.delete(ASSIGNMENT, key)


def test_roles_that_only_a_deployment_assigns_are_not_waited_for_but_deployed(embedded: World) -> None:
    converge(embedded.run())
    take_the_roles_away(embedded)
    embedded.said.clear()
    wanted = plan(embedded.run())
    assert not any("waiting" in text for text in embedded.said)
    *roles, last = wanted.actions
    assert len(roles) == 5
    assert {action.action for action in roles} == {"create"}
    assert last.action == "look at"
    assert len(converge(embedded.run(), wanted)) == 5
    assert converge(embedded.run()) == []


def test_what_the_roles_show_to_be_missing_is_done_unless_it_was_not_approved(embedded: World) -> None:
    deploy_only(embedded)
    take_the_roles_away(embedded)
    approved = plan(embedded.run())
    asked: list[Plan] = []
    with pytest.raises(Refused, match="more is seen to be missing"):
        converge(embedded.run(), approved)
    take_the_roles_away(embedded)
    done = list(up(embedded.run(), approved=None, confirm=asked.append))
    assert done[-1].outcome == "created"
    assert [each.actions[-1].target for each in asked] == [approved.actions[-1].target, "enrollment group devices"]
    assert converge(embedded.run()) == []


def test_a_leaf_that_somebody_disabled_is_none(embedded: World) -> None:
    run = ready(embedded)
    run.cloud.secrets.update_secret_properties(secret_name(PRESS), enabled=False)
    (issued,) = device.issue(embedded.run(), [PRESS])
    assert isinstance(issued, device.Issued)
    assert [type(one) for one in device.issue(embedded.run(), [PRESS])] == [device.Unchanged]


def test_a_plan_of_another_identity_is_refused_as_that(embedded: World) -> None:
    """Its roles would be assigned to somebody that nobody approved."""
    approved = plan(embedded.run())
    run = embedded.run()
    vars(run.cloud)["identity"] = Identity("0f0e0d0c-0b0a-4a0b-8c0d-0e0f0a0b0c0d", "User")
    with pytest.raises(Refused, match="the settings, the template or the identity have changed since the plan was made"):
        converge(run, approved)


def test_a_vault_whose_firewall_keeps_us_out_is_not_waited_for(embedded: World) -> None:
    deploy_only(embedded)
    words = {"code": "Forbidden", "message": "Client address is not authorized.", "innererror": {"code": "ForbiddenByFirewall"}}
    shut = Fault(Refuse(Response(403, {"error": words})), lambda request: request.path.startswith("/certificates"), times=None)
    azure(embedded).faults.add(shut)
    embedded.said.clear()
    with pytest.raises(HttpResponseError, match="Client address is not authorized"):
        converge(embedded.run())
    assert not any("waiting" in text for text in embedded.said)


def test_an_identity_without_rights_is_told_which_role_on_which_scope(embedded: World) -> None:
    with azure(embedded).database.transaction() as state:
        for key, assignment in state.list(ASSIGNMENT):
            state.put(ASSIGNMENT, key, assignment | {"role": "acdd72a7-3385-48ef-bd42-f606fba81ae7"})
    with pytest.raises(HttpResponseError) as refused:
        converge(embedded.run())
    explained = explain(refused.value)
    assert isinstance(explained, NotAllowed)
    assert f"The client '{OPERATOR.app_id}' with object id '{OPERATOR.object_id}'" in explained.message
    assert f"'Contributor' on /subscriptions/{SUBSCRIPTION}/resource" in explained.hint


def test_a_soft_deleted_vault_is_named(embedded: World) -> None:
    converge(embedded.run())
    run = embedded.run()
    run.cloud.vaults.vaults.delete(run.environment.resource_group, run.environment.vault.name)
    with pytest.raises(Refused, match="was deleted on 2026-03-01 and still holds the name"):
        converge(embedded.run())
    found = status.observe(embedded.run())
    assert (found.vault_exists, found.dps is not None, len(found.hubs), found.root) == (False, True, 1, None)
    assert found.trouble is not None
    assert found.next == (found.trouble.hint,)


def test_a_hub_that_the_settings_add_does_not_hide_what_is_there(embedded: World) -> None:
    converge(embedded.run())
    more = environment(
        hub=[{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-two"}], root={"key": "RSA-2048", "prove_to_hubs": True}
    )
    found = status.observe(embedded.run(more))
    assert [hub.name for hub in found.hubs] == ["iot-dpsops-test"]
    assert found.root is not None
    assert found.next == ("dpsops up",)


def test_a_soft_deleted_root_is_named(embedded: World) -> None:
    converge(embedded.run())
    embedded.run().cloud.certificates.begin_delete_certificate("root-g1").wait()
    with pytest.raises(Refused, match="the certificate root-g1 was deleted from the vault"):
        converge(embedded.run())


def test_an_exportable_root_is_refused(embedded: World) -> None:
    create(deploy_only(embedded), "root-g1", root_state.root_tags("root-g1"), exportable=True)
    with pytest.raises(Refused, match="the private key of root-g1 is exportable"):
        converge(embedded.run())


def test_a_strangers_certificate_is_not_taken_over(embedded: World) -> None:
    create(deploy_only(embedded), "root-g1", {}, exportable=False)
    with pytest.raises(Refused, match=r"that dpsops did not make \(it is no CA"):
        converge(embedded.run())


def test_an_ended_root_is_refused_and_issues_nothing(embedded: World) -> None:
    converge(embedded.run())
    embedded.clock.advance(10 * YEAR)
    with pytest.raises(Refused, match="the root root-g1 expired on 2036-02-29"):
        list(device.issue(embedded.run(), [device_id("press-07")]))
    found = status.observe(embedded.run())
    assert found.root is None
    assert found.trouble is not None
    assert found.next == ("it can issue nothing: 'dpsops rotate --compromised' puts a new root in its place at once",)


def test_status_warns_before_the_root_ends(embedded: World) -> None:
    converge(embedded.run())
    embedded.clock.advance(10 * YEAR - 60 * 86_400)
    assert status.observe(embedded.run()).next[0].startswith("the root ends in 5")


def test_a_leaf_never_outlives_its_root(embedded: World) -> None:
    converge(embedded.run())
    embedded.clock.advance(10 * YEAR - 30 * 86_400)
    issued = list(device.issue(embedded.run(), [device_id("press-07")]))
    authority = root.require(embedded.run(), "root-g1").certificate
    assert [one.not_after for one in issued if isinstance(one, device.Issued)] == [authority.not_valid_after_utc]


def test_a_stale_etag_is_explained_and_the_next_run_finishes(embedded: World) -> None:
    body = {"code": 412001, "httpStatusCode": "PreconditionFailed", "message": "Invalid ETag supplied."}
    azure(embedded).faults.add(Fault(Refuse(Response(412, body)), lambda request: request.path.endswith("/verify")))
    with pytest.raises(HttpResponseError) as refused:
        converge(embedded.run())
    explained = explain(refused.value)
    assert explained.message == "Invalid ETag supplied."
    assert "run the command again" in explained.hint
    assert [action.outcome for action in converge(embedded.run())] == ["verified", "created"]


def test_somebody_else_who_asks_for_a_code_in_between_is_noticed(embedded: World) -> None:
    """Two runs at once: the etag decides, and the one that comes second is told."""
    rival_asked = False

    def rival(request: Request, response: Response) -> None:
        nonlocal rival_asked
        if request.path.endswith("/generateVerificationCode") and not rival_asked:
            rival_asked = True
            etag = response.body["etag"]
            azure(embedded).handle(
                Request(request.method, request.host, request.path, request.query, {**request.headers, "if-match": etag})
            )

    azure(embedded).observers.append(rival)
    with pytest.raises(HttpResponseError, match="412001"):
        converge(embedded.run())
    assert rival_asked
    converge(embedded.run())
    assert status.observe(embedded.run()).next == ("dpsops device issue ID",)


def test_another_certificate_of_the_same_name_in_the_dps_is_refused(embedded: World) -> None:
    run = deploy_only(embedded)
    upload(run, "root-g1", self_signed("somebody else's", run.now()))
    with pytest.raises(Refused, match="the DPS dps-dpsops-test already holds a certificate root-g1, and it is another one"):
        converge(embedded.run())


def test_a_full_dps_is_refused_before_anything_is_uploaded(embedded: World) -> None:
    run = deploy_only(embedded)
    certificate = self_signed("filler", run.now())
    for number in range(prove.MAX_CERTIFICATES):
        upload(run, f"filler-{number}", certificate)
    with pytest.raises(Refused, match="already holds 25 CA certificates"):
        converge(embedded.run())


def asks_for(verb: str, request: Request) -> bool:
    """Whether a request asks for the operation of this name."""
    return request.path.endswith(f"/{verb}")


def test_throttling_is_waited_out(embedded: World) -> None:
    for verb in ("create", "sign", "verify"):
        azure(embedded).faults.add(Fault(Throttle(retry_after=20), partial(asks_for, verb)))
    assert converge(embedded.run())
    assert [exchange.status for exchange in embedded.exchanges].count(429) == 3


def test_one_device_that_fails_does_not_stop_the_others(embedded: World) -> None:
    converge(embedded.run())
    deleted = device_id("press-02")
    list(device.issue(embedded.run(), [deleted]))
    embedded.run().cloud.secrets.begin_delete_secret("device-press-02").wait()

    results = list(device.issue(embedded.run(), [device_id("press-01"), deleted, device_id("press-03")]))

    assert [type(result) for result in results] == [device.Issued, device.Failed, device.Issued]
    failed = results[1]
    assert isinstance(failed, device.Failed)
    assert "deleted but recoverable" in failed.reason


def test_a_role_that_is_missing_is_no_matter_of_one_device(embedded: World) -> None:
    def keeps(request: Request) -> bool:
        return request.method == "PUT" and request.path.startswith("/secrets/device-")

    converge(embedded.run())
    refusal = {"code": "Forbidden", "message": "Caller is not authorized.", "innererror": {"code": "ForbiddenByRbac"}}
    azure(embedded).faults.add(Fault(Refuse(Response(403, {"error": refusal})), keeps))
    with pytest.raises(HttpResponseError, match="Caller is not authorized"):
        list(device.issue(embedded.run(), [device_id("press-01"), device_id("press-02")]))


def test_nothing_is_issued_without_a_root(embedded: World) -> None:
    deploy_only(embedded)
    with pytest.raises(Error, match="has no whole root yet"):
        list(device.issue(embedded.run(), [device_id("press-07")]))


def test_the_vault_gives_the_roots_key_in_no_form(embedded: World) -> None:
    converge(embedded.run())
    run = embedded.run()
    secret = run.cloud.secrets.get_secret("root-g1").value or ""
    assert "BEGIN CERTIFICATE" in secret
    assert "PRIVATE" not in secret
    key = run.cloud.keys.get_key("root-g1").key
    assert {part: getattr(key, part) for part in ("d", "dp", "dq", "qi", "p", "q", "k")} == dict.fromkeys(
        ("d", "dp", "dq", "qi", "p", "q", "k")
    )
    for backup in (run.cloud.certificates.backup_certificate("root-g1"),):
        assert b"PRIVATE" not in backup
        assert b"PRIVATE" not in base64.b64decode(backup + b"==", altchars=b"-_")


def answered(body: dict[str, Any]) -> Refuse:
    """A vault's answer that a test makes up."""
    return Refuse(Response(200, body))


def forge(world: World, number: int) -> None:
    """Lets the vault sign with another key, once: the first signature of an `up` is the root's own, the second the check
    before the root is sealed, the third the proof."""
    forged = base64.urlsafe_b64encode(bytes(256)).decode().rstrip("=")
    kid = "https://kv-dpsops-test.vault.azure.net/keys/root-g1/0123456789abcdef0123456789abcdef"

    def signs(request: Request) -> bool:
        return asks_for("sign", request) and "authorization" in request.headers

    azure(world).faults.add(Fault(answered({"kid": kid, "value": forged}), signs, skip=number - 1))


@pytest.mark.parametrize(("number", "step"), [(1, "merge"), (3, "verify")])
def test_a_certificate_with_a_false_signature_is_shown_to_nobody(embedded: World, number: int, step: str) -> None:
    forge(embedded, number)
    with pytest.raises(Error, match="does not carry a valid signature"):
        converge(embedded.run())
    assert not any(exchange.path.endswith(f"/{step}") for exchange in embedded.exchanges)
    converge(embedded.run())
    assert any(exchange.path.endswith(f"/{step}") for exchange in embedded.exchanges), "the next run goes on from there"


def test_a_leaf_with_a_false_signature_is_not_kept(embedded: World) -> None:
    converge(embedded.run())
    forge(embedded, 1)
    with pytest.raises(Error, match="does not carry a valid signature"):
        list(device.issue(embedded.run(), [device_id("press-07")]))
    assert list(device.fleet(embedded.run())) == []


def test_a_vault_that_signs_with_another_key_is_not_believed(embedded: World) -> None:
    forge(embedded, 2)
    with pytest.raises(Refused, match="signs for root-g1 with another key"):
        converge(embedded.run())
    with pytest.raises(Error, match="has no whole root yet"):
        root.require(embedded.run(), "root-g1")


def test_a_vault_that_hands_out_the_key_is_not_believed(embedded: World) -> None:
    def asks_for_the_secret(request: Request) -> bool:
        return request.method == "GET" and request.path.startswith("/secrets/root-g1/") and "authorization" in request.headers

    value = "-----BEGIN PRIVATE KEY-----"  # its name alone
    secret = {"value": value, "id": "https://kv-dpsops-test.vault.azure.net/secrets/root-g1/1", "attributes": {"enabled": True}}
    azure(embedded).faults.add(Fault(answered(secret), asks_for_the_secret))
    with pytest.raises(Refused, match="the vault hands out the private key of root-g1"):
        converge(embedded.run())
    with pytest.raises(Error, match="has no whole root yet"):
        root.require(embedded.run(), "root-g1")


def test_a_request_over_another_key_is_not_signed(embedded: World) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dpsops test root G1")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(stranger, hashes.SHA256())
    pending = {
        "id": "https://kv-dpsops-test.vault.azure.net/certificates/root-g1/pending",
        "issuer": {"name": "Unknown"},
        "csr": base64.b64encode(csr.public_bytes(serialization.Encoding.DER)).decode(),
        "cancellation_requested": False,
        "status": "inProgress",
        "request_id": "0123456789abcdef0123456789abcdef",
    }

    def asks_for_the_request(request: Request) -> bool:
        return request.method == "GET" and request.path.endswith("/root-g1/pending")

    def exchange_the_request(request: Request, _: Response) -> None:
        if request.path.endswith("/create") and b"Unknown" in request.body:
            azure(embedded).faults.add(Fault(answered(pending), asks_for_the_request))

    azure(embedded).observers.append(exchange_the_request)
    with pytest.raises(Refused, match="is not over the key that it made first"):
        converge(embedded.run())


def test_plan_for_a_changed_setting_names_the_resource(embedded: World) -> None:
    converge(embedded.run())
    changed = environment(hub=[{"name": "iot-dpsops-test", "capacity": 2}])
    found = plan(embedded.run(changed))
    assert [(action.action, action.target) for action in found.actions] == [
        ("modify", "Microsoft.Devices/IotHubs/iot-dpsops-test")
    ]


@pytest.mark.parametrize("kind", ["RSA-2048", "RSA-3072", "RSA-4096", "EC-P256", "EC-P384", "RSA-2048-HSM", "EC-P256-HSM"])
def test_every_kind_of_root_key(embedded: World, kind: str) -> None:
    sku = "premium" if kind.endswith("HSM") else "standard"
    settings = environment(root={"key": kind}, vault={"name": "kv-dpsops-test", "sku": sku, "purge_protection": False})
    converge(embedded.run(settings))
    facts = status.root_facts(embedded.run(settings), None)
    assert facts is not None
    assert kind.startswith(f"{facts.key_type}-{'P' if facts.key_type == 'EC' else ''}{facts.key_size}")
    assert facts.proven
    assert converge(embedded.run(settings)) == []


def test_the_root_is_proven_to_the_hubs_where_the_environment_asks_for_it(embedded: World) -> None:
    hubs = [{"name": "iot-dpsops-test"}, {"name": "iot-dpsops-two"}]
    settings = environment(hub=hubs, root={"key": "EC-P256", "prove_to_hubs": True})
    verified = [action.target for action in converge(embedded.run(settings)) if action.outcome == "verified"]
    assert verified == [
        "root-g1 in DPS dps-dpsops-test",
        "root-g1 in IoT Hub iot-dpsops-test",
        "root-g1 in IoT Hub iot-dpsops-two",
    ]
    assert converge(embedded.run(settings)) == []
