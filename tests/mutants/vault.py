"""Faults in the answers of vaults and of their management."""

from __future__ import annotations

from dpsops.emulator.http import Response
from tests.mutants.alterations import backwards, both, header, status, without, words
from tests.mutants.mutants import Answers, Kind, Mutant, Rule, Service, Witness

_HOST = r"[^.]+\.vault\.azure\.net"
_MANAGEMENT = r"management\.azure\.com"
_VAULT = "v.vault.azure.net"
_LISTS = "/(keys|secrets|certificates)"
_PURGE = "management.azure.com/subscriptions/s/providers/Microsoft.KeyVault/locations/l/deletedVaults/v/purge"
_MANAGED = "management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
_CHALLENGE = 'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"'
_ABSENT = "A secret with (name/id) s was not found in this key vault. If you recently deleted this secret you may be able to"
_PROPS = {"key_usage": ["digitalSignature", "keyCertSign"], "basic_constraints": {"ca": False}}


def _mutant(name: str, kind: Kind, behaviour: str, fault: Answers | Rule) -> Mutant:
    return Mutant(f"vault-{name}", Service.VAULT, kind, Witness.RECORDING, behaviour, fault)


VAULT = (
    _mutant(
        "merge-200",
        Kind.STATUS,
        "A merge is answered 200, not 201.",
        Answers(
            "POST",
            _HOST,
            r"/certificates/[^/]+/pending/merge",
            status(201, 200),
            f"POST {_VAULT}/certificates/c/pending/merge",
            Response(201, {}),
        ),
    ),
    _mutant(
        "purge-200",
        Kind.STATUS,
        "The purge of a deleted object is answered 200, not 204.",
        Answers(
            "DELETE",
            _HOST,
            r"/deleted(keys|secrets|certificates)/[^/]+",
            status(204, 200),
            f"DELETE {_VAULT}/deletedkeys/k",
            Response(204),
        ),
    ),
    _mutant(
        "challenge-without-resource",
        Kind.HEADER,
        "The challenge does not say which resource a token must be for.",
        Answers(
            ".*",
            _HOST,
            ".*",
            header("WWW-Authenticate", lambda value: value.partition(", resource=")[0]),
            f"GET {_VAULT}/keys",
            Response(401, {}, {"WWW-Authenticate": _CHALLENGE}),
        ),
    ),
    _mutant(
        "vault-purge-no-retry-after",
        Kind.HEADER,
        "The purge of a deleted vault does not say when to poll.",
        Answers(
            "POST",
            _MANAGEMENT,
            r".*/deletedVaults/[^/]+/purge",
            header("Retry-After"),
            f"POST {_PURGE}",
            Response(202, headers={"Location": "l", "Retry-After": "5"}),
        ),
    ),
    _mutant(
        "policy-without-basic-constraints",
        Kind.SHAPE,
        "A certificate's policy does not show `basic_constraints`.",
        Answers(
            "GET|PATCH|POST",
            _HOST,
            r"/certificates/.+",
            both(without("policy.x509_props.basic_constraints"), without("x509_props.basic_constraints")),
            f"GET {_VAULT}/certificates/c",
            Response(200, {"policy": {"x509_props": _PROPS}}),
        ),
    ),
    _mutant(
        "list-without-subject",
        Kind.SHAPE,
        "A list of certificates does not show their `subject`, which is always empty.",
        Answers(
            "GET",
            _HOST,
            "/certificates",
            without("value[].subject"),
            f"GET {_VAULT}/certificates",
            Response(200, {"value": [{"id": "i", "subject": ""}]}),
        ),
    ),
    _mutant(
        "key-usage-backwards",
        Kind.ORDER,
        "`key_usage` of a certificate's policy is sorted backwards.",
        Answers(
            "GET|PATCH|POST",
            _HOST,
            r"/certificates/.+",
            both(backwards("policy.x509_props.key_usage"), backwards("x509_props.key_usage")),
            f"GET {_VAULT}/certificates/c/policy",
            Response(200, {"x509_props": _PROPS}),
        ),
    ),
    _mutant(
        "lists-backwards",
        Kind.ORDER,
        "A list of keys, secrets or certificates is sorted backwards, page by page.",
        Answers(
            "GET",
            _HOST,
            _LISTS,
            backwards("value"),
            f"GET {_VAULT}/secrets",
            Response(200, {"value": [{"id": "a"}, {"id": "b"}], "nextLink": None}),
        ),
    ),
    _mutant(
        "not-found-words",
        Kind.TEXT,
        "What is not there is refused in other words.",
        Answers(
            ".*",
            _HOST,
            ".*",
            words("error.message", "was not found in this key vault", "is not in this key vault"),
            f"GET {_VAULT}/secrets/s",
            Response(404, {"error": {"code": "SecretNotFound", "message": _ABSENT}}),
        ),
    ),
    _mutant(
        "new-vault-succeeded",
        Kind.TEXT,
        "The PUT of a new vault says that it has `Succeeded`, not that it is `RegisteringDns`.",
        Answers(
            "PUT",
            _MANAGEMENT,
            r".*/providers/Microsoft\.KeyVault/vaults/[^/]+",
            words("properties.provisioningState", "RegisteringDns", "Succeeded"),
            f"PUT {_MANAGED}",
            Response(200, {"properties": {"provisioningState": "RegisteringDns"}}),
        ),
    ),
    _mutant(
        "name-in-use",
        Kind.MISSING_REFUSAL,
        "The name of an object that is deleted and not purged, or on its way there or back, can be used again.",
        Rule("dpsops.emulator.keyvault.objects.refuse_name_in_use"),
    ),
    _mutant(
        "merge-of-another-key",
        Kind.MISSING_REFUSAL,
        "A certificate for another key than the pending one is merged.",
        Rule("dpsops.emulator.keyvault.contents.require_match"),
    ),
)
