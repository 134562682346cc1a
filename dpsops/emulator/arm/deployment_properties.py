"""What the properties of a deployment say: the template, what its parameters are given, the mode, how far to validate it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpsops.emulator.documents import JSON
from dpsops.emulator.resource_provider.errors import refusal

_MODES = {"incremental": "Incremental", "complete": "Complete"}
_LEVELS = ("Provider", "ProviderNoRbac", "Template")
"""The first is the default."""


@dataclass(frozen=True, slots=True)
class DeploymentProperties:
    """The properties of a deployment: `template` and `parameters` as they were sent.

    level: how far the deployment is to be validated (`ValidationLevel`).
    """

    template: Any
    parameters: JSON
    mode: str
    level: str

    @classmethod
    def read(cls, properties: Any) -> DeploymentProperties:
        """Reads them. Refuses what is not valid of them, whatever the template says."""
        template, mode, sent = _read(properties)
        return cls(template, sent, mode, _read_level(properties))

    def given(self) -> dict[str, JSON]:
        """What is given for each parameter, by its name in lower case. Refuses what is no value."""
        return {name.lower(): _given(name, each) for name, each in self.parameters.items()}


def _read(properties: Any) -> tuple[Any, str, JSON]:
    """The template, the mode and the parameters."""
    if not isinstance(properties, dict):
        message = "The request content was invalid and could not be deserialized: 'properties'."
        raise refusal(400, "InvalidRequestContent", message)
    mode = _MODES.get(str(properties.get("mode", "")).lower())
    if mode is None:
        given = properties.get("mode", "")
        message = f"The deployment mode '{given}' is not valid. Only 'Incremental' and 'Complete' are supported."
        raise refusal(400, "InvalidDeploymentMode", message)
    link = properties.get("templateLink") or properties.get("parametersLink")
    if link:
        target = link.get("uri", link.get("id", "")) if isinstance(link, dict) else link
        message = f"Unable to download deployment content from '{target}'."
        raise refusal(400, "InvalidContentLink", message)
    if properties.get("template") is None:
        raise refusal(400, "InvalidTemplate", "The deployment template is null or not provided.")
    parameters = {} if properties.get("parameters") is None else properties["parameters"]
    if not isinstance(parameters, dict):
        message = "The request content was invalid and could not be deserialized: 'properties.parameters'."
        raise refusal(400, "InvalidRequestContent", message)
    return properties["template"], mode, parameters


def _read_level(properties: JSON) -> str:
    given = properties.get("validationLevel") or _LEVELS[0]
    found = next((each for each in _LEVELS if str(given).lower() == each.lower()), None)
    if found is None:
        message = f"The validation level '{given}' is not valid. Supported are '{', '.join(_LEVELS)}'."
        raise refusal(400, "InvalidRequestContent", message)
    return found


def _given(name: str, each: Any) -> JSON:
    """A value that is given for a parameter. References to vault secrets are refused (stricter guess: no vault here
    is enabled for template deployment)."""
    if not isinstance(each, dict) or not ({"value", "reference"} & each.keys()):
        message = f"The request content was invalid and could not be deserialized: the value of parameter '{name}'."
        raise refusal(400, "InvalidRequestContent", message)
    if each.get("reference") is not None:
        message = f"The secret of KeyVault parameter '{name}' cannot be retrieved. Http status code: 'Forbidden'."
        raise refusal(400, "KeyVaultParameterReferenceSecretRetrieveFailed", message)
    return each
