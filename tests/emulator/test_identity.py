"""Signing in to the embedded Azure with azure-identity's own credentials."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientAssertionCredential, ClientSecretCredential
from cryptography.hazmat.primitives.asymmetric import rsa

from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Request
from dpsops.emulator.identity.state import OPERATOR, SUBSCRIPTION, FederatedCredential, publish_keys
from dpsops.emulator.identity.state import trust as trust_issuer
from dpsops.emulator.identity.tokens import LIFETIME, sign_jwt
from dpsops.emulator.world import World as Inside
from tests.worlds import World

ISSUER, SUBJECT, AUDIENCE = "https://token.actions.example", "repo:acme/fleet:environment:prod", "api://AzureADTokenExchange"
MANAGEMENT, VAULT = "https://management.azure.com/.default", "https://vault.azure.net/.default"
KID = "key-1"


@pytest.fixture(scope="module")
def issuer_key() -> rsa.RSAPrivateKey:
    """The key of a foreign issuer, such as GitHub."""
    return rsa.generate_private_key(65537, 2048)


def trust(world: World, key: rsa.RSAPrivateKey | None, *, issuer: str = ISSUER, audience: str = AUDIENCE) -> None:
    """Lets the operator sign in with that issuer's tokens; without a key, the issuer has published none."""
    assert world.embedded is not None
    with world.embedded.azure.database.transaction() as state:
        inside = Inside(state, world.clock.now())
        trust_issuer(inside, OPERATOR.app_id, FederatedCredential("github", issuer, SUBJECT, audience))
        if key is not None:
            publish_keys(inside, issuer, {KID: key.public_key()})


def assertion(world: World, key: rsa.RSAPrivateKey, kid: str = "", **changes: object) -> str:
    """A federated token, valid for five minutes unless `changes` say otherwise."""
    now = int(world.clock.now())
    claims: JSON = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "nbf": now, "iat": now, "exp": now + 300}
    return sign_jwt(key, claims | changes, kid or KID)


def sign_in(world: World, given: str) -> str:
    """The token that the operator gets for a federated one."""
    credential = ClientAssertionCredential(OPERATOR.tenant_id, OPERATOR.app_id, lambda: given, transport=world.transport)
    return credential.get_token(MANAGEMENT).token


def refused(world: World, given: str) -> str:
    """What a sign-in of the operator with this token is refused with."""
    with pytest.raises(ClientAuthenticationError) as wrong:
        sign_in(world, given)
    return str(wrong.value)


def get(world: World, url: str, token: str) -> requests.Response:
    """A GET with a bearer token, through the proxy."""
    assert world.embedded is not None
    session = requests.Session()
    session.trust_env = False
    with session:
        return session.get(
            url,
            headers={"Authorization": f"Bearer {token}"},
            proxies={"https": world.embedded.proxy_url},
            verify=str(world.embedded.authority_file),
            timeout=30,
        )


SUBSCRIPTION_URL = f"https://management.azure.com/subscriptions/{SUBSCRIPTION}?api-version=2022-12-01"


def test_a_client_secret_signs_in_and_its_token_is_accepted(embedded: World) -> None:
    assert embedded.embedded is not None
    secret = embedded.embedded.client_secret
    credential = ClientSecretCredential(OPERATOR.tenant_id, OPERATOR.app_id, secret, transport=embedded.transport)
    token = credential.get_token(MANAGEMENT)

    assert get(embedded, SUBSCRIPTION_URL, token.token).status_code == 200


def test_a_wrong_client_secret_is_refused(embedded: World) -> None:
    credential = ClientSecretCredential(OPERATOR.tenant_id, OPERATOR.app_id, "wrong", transport=embedded.transport)
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential.get_token(MANAGEMENT)


def test_an_unknown_application_is_refused(embedded: World) -> None:
    stranger = "00000000-1111-2222-3333-444444444444"
    credential = ClientSecretCredential(OPERATOR.tenant_id, stranger, "secret", transport=embedded.transport)
    with pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
        credential.get_token(MANAGEMENT)


def test_an_unknown_tenant_is_refused(embedded: World) -> None:
    stranger = "00000000-1111-2222-3333-444444444444"
    credential = ClientSecretCredential(stranger, OPERATOR.app_id, "secret", transport=embedded.transport)
    with pytest.raises(ClientAuthenticationError, match="Unable to get authority configuration"):
        credential.get_token(MANAGEMENT)


def test_a_federated_token_signs_in(embedded: World, issuer_key: rsa.RSAPrivateKey) -> None:
    trust(embedded, issuer_key)
    token = sign_in(embedded, assertion(embedded, issuer_key))

    assert get(embedded, SUBSCRIPTION_URL, token).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"sub": "repo:acme/fleet:environment:dev"}, "AADSTS700213", "assertion subject 'repo:acme/fleet:environment:dev'"),
        ({"sub": SUBJECT.upper()}, "AADSTS7002138", "matches with case-insensitive comparison, but not with case-sensitive"),
        ({"iss": "https://elsewhere.example"}, "AADSTS700211", "assertion issuer 'https://elsewhere.example'"),
        ({"aud": "somebody-else"}, "AADSTS700212", "assertion audience 'somebody-else'"),
        ({"exp": 1}, "AADSTS700024", "not within its valid time range"),
        ({"exp": "never"}, "AADSTS700024", "not within its valid time range"),
        ({"kid": "key-2"}, "AADSTS7000272", "with identifier key-2"),
    ],
)
def test_a_federated_token_that_does_not_fit_is_refused(
    embedded: World, issuer_key: rsa.RSAPrivateKey, changes: dict[str, Any], code: str, words: str
) -> None:
    trust(embedded, issuer_key)
    found = refused(embedded, assertion(embedded, issuer_key, **changes))
    assert f"{code}: " in found
    assert words in found


def test_a_federated_token_of_another_key_is_refused(embedded: World, issuer_key: rsa.RSAPrivateKey) -> None:
    trust(embedded, issuer_key)
    forger = rsa.generate_private_key(65537, 2048)
    assert "AADSTS50013: " in refused(embedded, assertion(embedded, forger))


def test_the_key_of_a_federated_token_is_the_one_that_it_names(embedded: World, issuer_key: rsa.RSAPrivateKey) -> None:
    assert embedded.embedded is not None
    trust(embedded, issuer_key)
    newer = rsa.generate_private_key(65537, 2048)
    with embedded.embedded.azure.database.transaction() as state:
        keys = {KID: issuer_key.public_key(), "key-2": newer.public_key()}
        publish_keys(Inside(state, embedded.clock.now()), ISSUER, keys)
    for key, kid in ((issuer_key, KID), (newer, "key-2")):
        assert sign_in(embedded, assertion(embedded, key, kid))
    assert "AADSTS50013: " in refused(embedded, assertion(embedded, newer))


def test_without_a_trust_or_without_keys_nobody_signs_in(embedded: World, issuer_key: rsa.RSAPrivateKey) -> None:
    given = assertion(embedded, issuer_key)
    assert f"AADSTS70025: The client '{OPERATOR.app_id}' has no configured" in refused(embedded, given)
    trust(embedded, None)
    assert "AADSTS501661: " in refused(embedded, given)


def test_tokens_of_entra_id_itself_are_not_federated(embedded: World, issuer_key: rsa.RSAPrivateKey) -> None:
    issuer = f"https://sts.windows.net/{OPERATOR.tenant_id}/"
    trust(embedded, issuer_key, issuer=issuer)
    assert "AADSTS700222: " in refused(embedded, assertion(embedded, issuer_key, iss=issuer))


@pytest.mark.parametrize("text", ["no-token", "a.b.c", "e30.W10.c2ln"])
def test_what_is_no_token_is_refused_as_such(embedded: World, issuer_key: rsa.RSAPrivateKey, text: str) -> None:
    trust(embedded, issuer_key)
    assert "AADSTS50027: " in refused(embedded, text)


def test_a_token_is_checked_on_every_call(embedded: World) -> None:
    assert embedded.embedded is not None
    secret = embedded.embedded.client_secret
    credential = ClientSecretCredential(OPERATOR.tenant_id, OPERATOR.app_id, secret, transport=embedded.transport)
    token = credential.get_token(MANAGEMENT).token
    for_the_vault = credential.get_token(VAULT).token
    head, claims, signature = token.split(".")

    assert get(embedded, SUBSCRIPTION_URL, token).status_code == 200
    assert get(embedded, SUBSCRIPTION_URL, for_the_vault).status_code == 401
    assert get(embedded, SUBSCRIPTION_URL, f"{head}.{claims}.{signature[::-1]}").status_code == 401
    embedded.clock.advance(LIFETIME)
    assert get(embedded, SUBSCRIPTION_URL, token).status_code == 401


def post(world: World, content: bytes, content_type: str = "application/x-www-form-urlencoded") -> JSON:
    """What the token endpoint refuses a raw request with."""
    assert world.embedded is not None
    path = f"/{OPERATOR.tenant_id}/oauth2/v2.0/token"
    answer = world.embedded.azure.handle(
        Request("POST", "login.microsoftonline.com", path, {}, {"content-type": content_type}, content)
    )
    assert answer.status in (400, 401)
    assert isinstance(answer.body, dict)
    return answer.body


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"grant_type": ""}, "AADSTS900144: The request body must contain the following parameter: 'grant_type'"),
        ({"client_id": ""}, "AADSTS900144: The request body must contain the following parameter: 'client_id'"),
        ({"scope": ""}, "AADSTS900144: The request body must contain the following parameter: 'scope'"),
        ({"client_secret": ""}, "AADSTS7000216: 'client_assertion', 'client_secret' or 'request' is required"),
        ({"grant_type": "password"}, "AADSTS70003"),
        ({"scope": "https://vault.azure.net/.default https://management.azure.com/.default"}, "AADSTS500011"),
    ],
)
def test_a_token_request_is_complete(embedded: World, form: dict[str, str], words: str) -> None:
    assert embedded.embedded is not None
    whole = {
        "grant_type": "client_credentials",
        "client_id": OPERATOR.app_id,
        "client_secret": embedded.embedded.client_secret,
        "scope": VAULT,
    }
    assert post(embedded, urlencode(whole | form).encode())["error_description"].startswith(words)


@pytest.mark.parametrize("more", ["openid offline_access profile", "profile"])
def test_the_scopes_of_openid_connect_ask_for_nothing_more(embedded: World, more: str) -> None:
    assert embedded.embedded is not None
    form = {"grant_type": "client_credentials", "client_id": OPERATOR.app_id, "client_secret": embedded.embedded.client_secret}
    content = urlencode(form | {"scope": f"{VAULT} {more}"}).encode()
    path, headers = f"/{OPERATOR.tenant_id}/oauth2/v2.0/token", {"content-type": "application/x-www-form-urlencoded"}
    answer = embedded.embedded.azure.handle(Request("POST", "login.microsoftonline.com", path, {}, headers, content))
    assert (answer.status, isinstance(answer.body, dict) and answer.body.keys() >= {"access_token", "expires_in"}) == (200, True)
    assert post(embedded, urlencode(form | {"scope": more}).encode())["error_codes"] == [1002012]


def test_a_token_request_is_a_form(embedded: World) -> None:
    assert post(embedded, b"grant_type=client_credentials", "application/json")["error_codes"] == [900144]
    assert post(embedded, b"\xff\xfe")["error_codes"] == [900144]


def test_a_federated_token_is_for_the_audience_that_its_trust_names(embedded: World, issuer_key: rsa.RSAPrivateKey) -> None:
    trust(embedded, issuer_key, audience="api://elsewhere")
    assert "AADSTS700212: " in refused(embedded, assertion(embedded, issuer_key))


@pytest.mark.parametrize(
    ("endpoint", "status"),
    [
        ("https://login.microsoftonline.com/common/oauth2/v2.0/authorize", 200),
        ("https://login.windows.net/9f2c1c52", 200),
        ("https://login.example.com/common/oauth2/v2.0/authorize", 400),
        ("https://login.microsoftonline.com", 400),
        ("nonsense", 400),
        ("", 400),
    ],
)
def test_an_instance_that_is_none_of_microsofts_is_refused(embedded: World, endpoint: str, status: int) -> None:
    assert embedded.embedded is not None
    request = Request("GET", "login.microsoftonline.com", "/common/discovery/instance", {"authorization_endpoint": endpoint})
    answer = embedded.embedded.azure.handle(request)
    assert answer.status == status
    assert isinstance(answer.body, dict)
    assert answer.body.get("error", "") == ("" if status == 200 else "invalid_instance")
