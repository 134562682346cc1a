"""What `az`, Microsoft's Azure CLI, knows: where somebody is signed in, and tokens for there."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential, CredentialUnavailableError, DefaultAzureCredential

from dpsops.azure.clouds import require_public_name
from dpsops.azure.error_documents import one_line
from dpsops.azure.quoting import of_sign_in, said
from dpsops.errors import InvalidInput

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions

    from dpsops.azure.transport import Transport

_LOG = logging.getLogger("dpsops.wire")


@dataclass(frozen=True, slots=True)
class Account:
    """A subscription in which somebody is signed in with `az`, and its tenant."""

    subscription: str
    tenant: str


def account(transport: Transport, subscription: str = "") -> Account:
    """The account of this subscription, or the default one, from the files of `az`: it makes no request for this.

    Raises `CredentialUnavailableError` if `az` is not there or does not know the subscription, `InvalidInput` if it is signed in
    to another cloud.
    """
    which = ["--subscription", subscription] if subscription else []
    found = _shown(["account", "show", "--output", "json", *which], transport)
    try:
        cloud, identifier, tenant = (str(found[name]) for name in ("environmentName", "id", "tenantId"))
    except (KeyError, TypeError) as cause:
        raise CredentialUnavailableError(message="az shows an account of another shape") from cause
    require_public_name(cloud, f"az is signed in to {cloud}", "'az cloud set --name AzureCloud', then 'az login'")
    if identifier == tenant:  # after `az login --allow-no-subscriptions`
        raise CredentialUnavailableError(message="az is signed in to a tenant without subscriptions")
    return Account(identifier, tenant)


def of(found: Account, transport: Transport) -> AzureCliCredential:
    """The tokens of `az` for the tenant of this account."""
    return AzureCliCredential(tenant_id=found.tenant, process_timeout=_patience(transport))


def _patience(transport: Transport) -> int:
    """How long `az` and its like may take, in full seconds. azure-identity's own ten are too few for the first start of `az`,
    on a slow disk or behind a proxy."""
    return max(1, round(transport.waits.sign_in_seconds))


def _shown(arguments: list[str], transport: Transport) -> Any:
    program = (os.name == "nt" and shutil.which("az.cmd")) or shutil.which("az")
    if not program:
        raise CredentialUnavailableError(message="az is not installed")
    elsewhere = os.environ.get("SYSTEMROOT", "\\") if os.name == "nt" else "/"  # az reads settings where it runs
    seconds = transport.waits.sign_in_seconds
    try:
        with transport.waiting.operation("az", seconds, "sign_in_seconds"):
            ended = subprocess.run(  # noqa: S603  # a fixed command, and the name of a subscription
                [program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
                cwd=elsewhere,
                check=False,
            )
        _LOG.info("az %s -> %s", " ".join(arguments[:2]), ended.returncode)
        if ended.returncode:
            lines = [line.removeprefix("ERROR: ") for line in ended.stderr.splitlines() if line.startswith("ERROR: ")]
            printed = lines[0] if lines else ended.stderr  # not a warning
            raise CredentialUnavailableError(message=f"az: {one_line(said(printed))}")
        return json.loads(ended.stdout)
    except subprocess.TimeoutExpired as cause:
        raise CredentialUnavailableError(message=f"az did not answer in {seconds:g} seconds") from cause
    except (OSError, RecursionError, ValueError) as cause:
        raise CredentialUnavailableError(message=f"az cannot be used: {type(cause).__name__}") from cause


class _OfSubscription:
    """A credential of `az` for the tenant of one subscription: `az` itself takes that of its default subscription.

    The tenant is asked for by name, because `az` refuses a subscription beside a tenant, and a vault's client names its tenant.
    """

    def __init__(self, subscription: str, transport: Transport) -> None:
        self._subscription = subscription
        self._transport = transport
        self.another_cloud: InvalidInput | None = None
        self.said = ""

    def __enter__(self) -> _OfSubscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token, as azure-identity gets it from `az`."""
        with self._heard():
            token: AccessToken = self._credential.get_token(*scopes, **options)
            return token

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """The same, in the SDK's newer form."""
        with self._heard():
            token: AccessTokenInfo = self._credential.get_token_info(*scopes, options=options)
            return token

    @cached_property
    def _credential(self) -> AzureCliCredential:
        return of(account(self._transport, self._subscription), self._transport)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Keeps why there is no token: azure-identity puts all reasons of all ways to sign in into one text."""
        try:
            yield
        except InvalidInput as refusal:
            self.another_cloud = refusal
            raise
        except ClientAuthenticationError as error:
            self.said = of_sign_in(error)
            raise


class FoundCredential(DefaultAzureCredential):
    """The first way to sign in that works, as azure-identity looks for them; `az` for the tenant of this subscription.

    If nothing works, the error says what `az` says. It is `InvalidInput` if `az` is signed in to another cloud.
    """

    def __init__(self, subscription: str, transport: Transport) -> None:
        super().__init__(process_timeout=_patience(transport), transport=transport)
        self._waiting, self._seconds = transport.waiting, transport.waits.request_seconds
        self._az = _OfSubscription(subscription, transport)
        self.credentials = tuple(self._az if isinstance(each, AzureCliCredential) else each for each in self.credentials)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token."""
        with self._explained():
            return super().get_token(*scopes, **options)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """The same, in the SDK's newer form."""
        with self._explained():
            return super().get_token_info(*scopes, options=options)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        self._az.said = ""
        try:
            with self._waiting.operation("a sign-in", self._seconds, "request_seconds"):
                yield
        except ClientAuthenticationError as error:
            if self._az.another_cloud is not None:
                raise self._az.another_cloud from None
            if not self._az.said:
                raise
            raise ClientAuthenticationError(message=f"nobody is signed in to Azure ({self._az.said})") from error
