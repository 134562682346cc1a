"""`infra/NAME.toml` -> `Environment`: which resources an environment has, where they are, and how they are configured."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from dpsops.errors import InvalidInput
from dpsops.limits import (
    MOST_TAGS,
    UNITS,
    desired_properties,
    dps_name,
    group_id,
    hub_name,
    issuer_name,
    namespace_name,
    object_id,
    region_name,
    resource_group_name,
    resource_tags,
    subscription_id,
    vault_name,
    workspace_id,
)
from dpsops.pki.keys import KeySpec
from dpsops.toml_lines import line_of

LOCAL = "local"
"""The environment on the embedded Azure. It needs no file."""

DEVICES_TAG = "dpsops-devices"
"""The tag of a vault that holds devices' secrets and nothing else: the name of its environment."""

MADE_TAG = "dpsops-environment"
"""The tag of what `up` has made: the name of its environment. What was there before gets none."""

_ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,23}")
_DAYS_OF_WARNING_A_MONTH = 27


def _organization(name: str) -> str:
    """An organization without characters that an X.500 string escapes (RFC 4514, 2.4): vault and certificate cannot differ."""
    if not re.fullmatch(r"(?! )(?:[^\W_]|[ .'&()-])*(?<! )", name):
        raise ValueError("use letters, digits, spaces between them and . - ' & ( )")
    return name


def _key_spec(value: Any) -> KeySpec:
    """Reads a kind of key. pydantic reports a `ValueError` with its place in the file, and does not catch other errors."""
    try:
        return KeySpec.parse(str(value))
    except InvalidInput as invalid:
        raise ValueError(f"{invalid.message}: {invalid.hint}") from None


class _Table(BaseModel):
    """A table of the file: only the keys below are allowed, and it does not change after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Vault(_Table):
    """`[vault]`: the Key Vault that holds the root's key and the devices' secrets. `logs`: the Log Analytics workspace that
    its log and that of the DPS go to."""

    name: Annotated[str, AfterValidator(vault_name)]
    sku: Literal["standard", "premium"] = "standard"
    purge_protection: bool = True
    soft_delete_days: Annotated[int, Field(ge=7, le=90)] = 90
    logs: Annotated[str, AfterValidator(workspace_id)] | None = None

    @property
    def url(self) -> str:
        """Its address, with its name in lower case."""
        return f"https://{vault_host(self.name)}"


def vault_host(name: str) -> str:
    """The host name of the vault of this name."""
    return f"{name.lower()}.vault.azure.net"


class Dps(_Table):
    """`[dps]`: the Device Provisioning Service. With `allocation` static, all devices of the group go to the first hub. `link`:
    by a key of each hub, or by the identity of the DPS."""

    name: Annotated[str, Field(min_length=3, max_length=50), AfterValidator(dps_name)]
    allocation: Literal["hashed", "geoLatency", "static"] = "hashed"
    link: Literal["key", "identity"] = "key"

    @property
    def host(self) -> str:
        """The host name of its service API."""
        return f"{self.name.lower()}.azure-devices-provisioning.net"


class Hub(_Table):
    """`[[hub]]`: an IoT Hub to which the DPS assigns devices."""

    name: Annotated[str, Field(min_length=3, max_length=50), AfterValidator(hub_name)]
    location: Annotated[str, AfterValidator(lambda name: name and region_name(name))] = ""
    sku: Literal["F1", "S1", "S2", "S3", "B1", "B2", "B3"] = "S1"
    capacity: Annotated[int, Field(ge=1, le=200)] = 1
    weight: Annotated[int, Field(ge=0, le=1000)] = 1

    @model_validator(mode="after")
    def _sku_has_the_units(self) -> Self:
        if self.capacity > (most := UNITS.get(self.sku, self.capacity)):
            raise ValueError(f"capacity: a hub of SKU {self.sku} has at most {most} unit(s)")
        return self

    @property
    def host(self) -> str:
        """Its host name, in lower case."""
        return hub_host(self.name)


def hub_host(name: str) -> str:
    """The host name of the hub of this name, in lower case, as DPS uses it in links and assignments."""
    return f"{name.lower()}.azure-devices.net"


class Root(_Table):
    """`[root]`: the root certificate. It is valid for `years`; `status` warns from `warn_days` before it expires;
    `prove_to_hubs` is for devices that connect to a hub with a CA-signed identity, without the DPS. `path_length` (RFC 5280,
    4.2.1.9) is 1 for a root that can later carry an issuing CA: the next root gets it, an existing one keeps what it has."""

    key: Annotated[KeySpec, BeforeValidator(_key_spec)] = KeySpec("RSA", 3072)
    years: Annotated[int, Field(ge=1, le=30)] = 10
    organization: Annotated[str, Field(max_length=64), AfterValidator(_organization)] = ""
    warn_days: Annotated[int, Field(ge=1)] = 90
    prove_to_hubs: bool = False
    path_length: Annotated[int, Field(ge=0, le=1)] = 0


def _vaults_differ(found: list[str]) -> list[str]:
    names = [each.lower() for each in found]
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise ValueError(f"{twice} is there twice")
    return found


class Device(_Table):
    """`[device]`: the vaults that hold the devices' secrets; without `vaults`, that is the vault of the root. A device that has a
    secret stays in its vault, so one that holds any must stay in the list."""

    vaults: Annotated[list[Annotated[str, AfterValidator(vault_name)]], AfterValidator(_vaults_differ)] = []


class Leaf(_Table):
    """`[leaf]`: the device certificates. They are valid for `days`. One is fresh for `fresh_minutes`: `device renew` makes no
    other one in this time, unless the device has used it; with 0 it always does."""

    days: Annotated[int, Field(ge=1, le=3650)] = 365
    fresh_minutes: Annotated[int, Field(ge=0, le=1440)] = 60


class CertificatePolicy(_Table):
    """`[group.certificate_policy]`: who issues certificates to devices that ask DPS for one: a policy of a certificate authority
    in a namespace of Azure Device Registry. None of them is made by dpsops."""

    namespace: Annotated[str, AfterValidator(namespace_name)]
    authority: Annotated[str, AfterValidator(issuer_name)]
    name: Annotated[str, AfterValidator(issuer_name)]


class Group(_Table):
    """`[group]`: the enrollment group of all devices with a certificate under the root. `reprovisioning` says what happens to
    a device's data if it registers again and its hub changes; `twin` has the initial desired properties of its twin. Without a
    `certificate_policy`, devices have the certificates of dpsops alone."""

    id: Annotated[str, AfterValidator(group_id)] = "devices"
    reprovisioning: Literal["migrate", "reset", "never"] = "migrate"
    twin: Annotated[dict[str, Any], AfterValidator(desired_properties)] = {}
    certificate_policy: CertificatePolicy | None = None


class Identity(_Table):
    """An entry of `principals`: an identity in Entra ID, by its object ID."""

    id: Annotated[str, AfterValidator(object_id)]
    type: Literal["User", "Group", "ServicePrincipal"]


def _differ(found: list[Identity]) -> list[Identity]:
    ids = [each.id.lower() for each in found]
    if twice := next((each for each in ids if ids.count(each) > 1), None):
        raise ValueError(f"{twice} is there twice")
    return found


class Access(_Table):
    """`[access]`: who gets the roles that dpsops needs; without `principals`, whoever runs `up`."""

    principals: Annotated[list[Identity], Field(min_length=1), AfterValidator(_differ)] = []


_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Waits(_Table):
    """`[waits]`: how long dpsops waits at most, in seconds: until a host is connected (`connect`) and has answered (`answer`);
    for one request, with its repetitions and the pauses between them (`request`); for a deployment, a what-if or a key to be
    finished (`operation`); for `az` (`sign_in`); for new roles to take effect, in all (`role`); for a device to be registered
    (`registration`)."""

    connect_seconds: _Seconds = 10.0
    answer_seconds: _Seconds = 60.0
    request_seconds: _Seconds = 300.0
    operation_seconds: _Seconds = 3600.0
    sign_in_seconds: _Seconds = 60.0
    role_seconds: _Seconds = 600.0
    registration_seconds: _Seconds = 180.0


_Operations = Annotated[int, Field(ge=20)]


class Limits(_Table):
    """`[limits]`: what Azure allows, if it is not what `model.rates` has from Azure's documentation. In 10 seconds: new secrets
    of a vault (`secret_creates`), other requests to it (`secret_operations`), and `signatures` of the root's key, which else
    depend on its type. In a minute: requests to the DPS (`dps_operations`), and `registry_operations` and `hub_queries` of each
    hub, which else depend on its SKU and units. `bulk_counts`: whether a request that changes many device identities counts
    once for each `device`, or once for the `call`; Azure does not say."""

    secret_creates: _Operations = 300
    secret_operations: _Operations = 4000
    signatures: _Operations | None = None
    dps_operations: _Operations = 1000
    registry_operations: _Operations | None = None
    hub_queries: _Operations | None = None
    bulk_counts: Literal["device", "call"] = "device"


class Embedded(_Table):
    """`[embedded]`: how slow the embedded Azure is, in seconds."""

    operation_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    certificate_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    role_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    deletion_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class Environment(_Table):
    """One environment, complete and valid. `name` is the name of its file."""

    name: str
    location: Annotated[str, AfterValidator(region_name)]
    resource_group: Annotated[str, AfterValidator(resource_group_name)]
    subscription: Annotated[str, AfterValidator(subscription_id)] | None = None
    tags: Annotated[dict[str, str], AfterValidator(resource_tags)] = {}
    vault: Vault
    dps: Dps
    hub: Annotated[list[Hub], Field(min_length=1)]
    root: Root = Root()
    device: Device = Device()
    leaf: Leaf = Leaf()
    group: Group = Group()
    access: Access = Access()
    waits: Waits = Waits()
    limits: Limits = Limits()
    embedded: Embedded = Embedded()

    @property
    def is_local(self) -> bool:
        """Whether this environment is on the embedded Azure."""
        return self.name == LOCAL

    @property
    def leaf_vaults(self) -> tuple[str, ...]:
        """The names of the vaults in which devices get their secrets."""
        return tuple(self.device.vaults) or (self.vault.name,)

    @property
    def device_vaults(self) -> tuple[Vault, ...]:
        """The vaults of `[device]`, as they are to be: like that of the root, but in software, because no key is in them."""
        return tuple(self.vault.model_copy(update={"name": name, "sku": "standard"}) for name in self.device.vaults)

    @model_validator(mode="after")
    def _hardware_keys_need_premium(self) -> Self:
        if self.root.key.hsm and self.vault.sku != "premium":
            raise ValueError(f'vault.sku: a root key of type {self.root.key} needs sku = "premium"')
        return self

    @model_validator(mode="after")
    def _devices_have_vaults_of_their_own(self) -> Self:
        """Whoever may read the devices' secrets needs no right on the vault of the root."""
        if self.vault.name.lower() in (each.lower() for each in self.device.vaults):
            raise ValueError("device.vaults: the vault of the root is no vault for devices: give each of these another name")
        return self

    @model_validator(mode="after")
    def _own_tags_are_free(self) -> Self:
        for own, what in ((DEVICES_TAG, "the vaults of [device]"), (MADE_TAG, "what 'dpsops up' makes")):
            if any(name.lower() == own for name in self.tags):
                raise ValueError(f"tags: {own} is dpsops's own tag, for {what}: use another name")
        if self.device.vaults and len(self.tags) == MOST_TAGS:
            raise ValueError(f"tags: at most {MOST_TAGS - 1}, because dpsops sets one of its own on the vaults of [device]")
        return self

    @model_validator(mode="after")
    def _warning_is_not_too_early(self) -> Self:
        """Key Vault REST API, `Trigger.days_before_expiry`: at most 27 days for each month of the certificate's validity."""
        longest = self.root.years * 12 * _DAYS_OF_WARNING_A_MONTH
        if self.root.warn_days > longest:
            raise ValueError(f"root.warn_days: at most {longest} for a root that is valid for {self.root.years} year(s)")
        return self

    @model_validator(mode="after")
    def _hub_names_differ(self) -> Self:
        names = [hub.name.lower() for hub in self.hub]
        if len(set(names)) < len(names):
            raise ValueError("hub: two hubs have the same name")
        return self

    @model_validator(mode="after")
    def _one_hub_is_free(self) -> Self:
        """Azure IoT Hub, "Quotas and throttling": a subscription has one free hub."""
        if sum(hub.sku == "F1" for hub in self.hub) > 1:
            raise ValueError("hub: a subscription has one free hub (F1) at most: set another SKU for the others, such as S1")
        return self

    @model_validator(mode="after")
    def _devices_get_a_hub(self) -> Self:
        """Azure DPS, "How to use allocation policies": a weight of 0 takes a hub out. That it does so for a static allocation
        too is a guess, the stricter one."""
        if self.dps.allocation == "static" and self.hub[0].weight == 0:
            raise ValueError("hub: the allocation is static, so all devices go to the first hub: it cannot have the weight 0")
        if all(hub.weight == 0 for hub in self.hub):
            raise ValueError("hub: every hub has the weight 0, so no device gets a hub: give one a weight of 1 or more")
        return self


_DEFAULT_LOCAL: dict[str, Any] = {
    "location": "westeurope",
    "resource_group": "rg-dpsops-local",
    "vault": {"name": "kv-dpsops-local"},
    "dps": {"name": "dps-dpsops-local"},
    "hub": [{"name": "iot-dpsops-local"}],
}


_MOST_BYTES = 1 << 20
_MANY_PARTS = re.compile(r"""(?<![\w-])(?:[\w-]+["']?[ \t]*\.[ \t]*["']?){50}""")
"""A dotted key that long takes `tomllib` the square of its parts."""

_EXAMPLE = "correct the file; for a complete example: dpsops init example"


def require_name(name: str) -> None:
    """Raises `InvalidInput` for what cannot be the name of an environment."""
    if not _ENVIRONMENT.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is not a valid environment name", "use at most 24 lower case letters, digits and hyphens, as in dev"
        )


def load(name: str, directory: Path) -> Environment:
    """Reads `NAME.toml` in `directory`; `local` needs no file. Raises `InvalidInput` with the line, the key and the reason."""
    require_name(name)
    path = directory / f"{name}.toml"
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path} cannot be read: it is not a regular file", "a settings file is TOML in the encoding UTF-8")
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1).decode("utf-8-sig")  # some editors write a byte order mark at the start
    except FileNotFoundError:
        if name == LOCAL:
            return Environment.model_validate(_DEFAULT_LOCAL | {"name": name})
        known = ", ".join(sorted({file.stem for file in directory.glob("*.toml")} | {LOCAL}))
        raise InvalidInput(
            f"there is no environment {name!r} ({path} is missing)",
            f"environments here: {known}; for a new one: dpsops init {name}",
        ) from None
    except (OSError, UnicodeDecodeError) as cause:
        raise InvalidInput(
            f"{path} cannot be read: {cause}", "a settings file is TOML in the encoding UTF-8: save it again in it"
        ) from cause
    if len(text) > _MOST_BYTES or _MANY_PARTS.search(text):
        raise InvalidInput(f"{path} is too large for settings, or has a key of 50 parts or more", _EXAMPLE)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as cause:  # also raised for numbers that are too long and brackets that are too deep
        raise InvalidInput(f"{path}: {cause}", "correct the TOML; https://toml.io shows the syntax") from cause
    if "name" in document:
        raise InvalidInput(f"{path}, line {line_of(text, ('name',))}: name: the name of the file is the name of the environment",
                           "remove the line")  # fmt: skip
    try:
        return Environment.model_validate(document | {"name": name})
    except ValidationError as cause:
        raise _explain(path, text, cause) from None


def _explain(path: Path, text: str, cause: ValidationError) -> InvalidInput:
    errors = cause.errors()
    first = next((error for error in errors if error["type"] != "missing"), errors[0])  # a typo can make another key missing
    keys = tuple(first["loc"])
    expected = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error" and (match := re.match(r"([\w.]+): ", expected)) and (not keys or match[1] == "capacity"):
        keys, expected = (*keys, *match[1].split(".")), expected[match.end() :]
    where = ".".join(str(key) for key in keys)
    where = where if where.isprintable() else ascii(where)
    match first["type"]:
        case "extra_forbidden":
            expected = "no such setting"
        case "missing":
            expected = "this setting is missing"
        case "too_short":
            expected = f"there is none: write [[{where}]], once for each"
        case "list_type" if where == "device.vaults":
            expected = 'write a list of names, ["kv-1", "kv-2"]'
        case "list_type":
            expected = f"write [[{where}]], once for each"
        case "dict_type" | "model_type":
            expected = f"this is a table, [{where}]"
    more = len(errors) - 1
    return InvalidInput(
        f"{path}, line {line_of(text, keys)}: {where}: {expected}",
        _EXAMPLE.replace(";", f" ({more} more error(s));") if more else _EXAMPLE,
    )
