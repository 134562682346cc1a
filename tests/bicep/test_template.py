"""The Bicep files and the template compiled from them: they match, and the template is what dpsops fills in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from dpsops.emulator.documents import JSON
from dpsops.model.deployment import decide
from dpsops.model.resources import Resources
from tests.bicep import syntax as s
from tests.bicep.compiler import FOLDER, compile_file, sources, written
from tests.bicep.group import GROUP, PRINCIPAL, WORKSPACE, environment
from tests.bicep.lexer import Token, tokens
from tests.bicep.program import Program

pytestmark = pytest.mark.usefixtures("unmeasured")

FILES = sources()
COMPILED = (FOLDER / "main.json").read_text(encoding="utf-8")
ANEW = written(compile_file("main.bicep", FILES))


# the files


def test_the_compiled_template_is_that_of_the_bicep_files() -> None:
    assert ANEW == COMPILED, "run: python -m tests.bicep.compiler"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("main.bicep", "param vaults vaultType[]", "param vault vaultType[]"),
        ("main.bicep", "param hubs hubType[] = []", "param hubs hubType[]"),
        ("main.bicep", "param hubs hubType[]", "param hubs hubType"),
        ("main.bicep", "param hubs hubType[]", "param hubs vaultType[]"),
        ("main.bicep", "Optional. Hubs to write.", "Optional. Hubs."),
        ("main.bicep", "name: 'hub-${each.name}'", "name: 'iot-${each.name}'"),
        ("main.bicep", "for each in identityServices", "for each in services"),
        ("main.bicep", "    dependsOn: [\n      writtenHubs\n    ]\n", ""),
        ("main.bicep", "    writtenIdentityServices\n", ""),
        ("main.bicep", "onVaults: vaultAssignments", "onVaults: hubAssignments"),
        ("main.bicep", "output linkedHubs string[]", "output hubs string[]"),
        ("types.bicep", "@maxLength(24)", "@maxLength(25)"),
        ("types.bicep", "@minValue(7)", "@minValue(1)"),
        ("types.bicep", "'Hashed' | 'GeoLatency' | 'Static'", "'Hashed' | 'Static'"),
        ("types.bicep", "allocationWeight: int?", "allocationWeight: int"),
        ("types.bicep", "  }[]", "  }"),
        ("types.bicep", "tags: object", "tags: array"),
        ("types.bicep", "A vault to write.", "A vault."),
        ("types.bicep", "otherLinks: array", "others: array"),
        ("vault.bicep", "@2026-02-01", "@2023-07-01"),
        ("vault.bicep", "enableRbacAuthorization: true", "enableRbacAuthorization: false"),
        ("vault.bicep", "vault.purgeProtection ? { enablePurgeProtection: true } : {}",
         "{ enablePurgeProtection: vault.purgeProtection }"),
        ("vault.bicep", "    vault.current,\n", "    {},\n"),
        ("hub.bicep", "Microsoft.Devices/IotHubs", "Microsoft.Devices/iotHubs"),
        ("hub.bicep", "    hub.current,\n", "    {},\n"),
        ("hub.bicep", "  identity: hub.identity\n", ""),
        ("dps.bicep", "  'ServiceConnect'\n", ""),
        ("dps.bicep", "capacity: service.capacity", "capacity: 1"),
        ("dps.bicep", "allocationWeight: link.allocationWeight", "allocationWeight: 1"),
        ("dps.bicep", "key.primaryKey", "key.secondaryKey"),
        ("dps.bicep", "? map(", "? filter("),
        ("dps.bicep", ")[0]", ")[1]"),
        ("dps.bicep", "    ipFilterRules: service.ipFilterRules\n", ""),
        ("dps-by-identity.bicep", "4fc6c259", "4fc6c258"),
        ("dps-by-identity.bicep", "      service.otherLinks,\n", "      [],\n"),
        ("dps-by-identity.bicep", "scope: hubs[i]", "scope: hubs[0]"),
        ("dps-by-identity.bicep", "written.identity.principalId", "written.id"),
        ("access.bicep", "scope: services[i]", "scope: vaults[i]"),
        ("access.bicep", "guid(hubs[i].id, each.principalId, each.role)", "guid(hubs[i].id, each.role)"),
    ],
)  # fmt: skip
def test_a_change_of_the_bicep_files_alone_is_detected(file: str, old: str, new: str) -> None:
    assert old in FILES[file]
    assert template_of(FILES | {file: FILES[file].replace(old, new)}) != COMPILED


def template_of(files: dict[str, str]) -> str | None:
    """What the files stand for; nothing, if they name something that there is not."""
    try:
        return written(compile_file("main.bicep", files))
    except s.Refused as refused:
        if not re.match(r"the (name|file|import|type) |targetScope ", str(refused)):
            raise
        return None


def _texts(found: tuple[Token, ...], file: str) -> Iterator[tuple[str, str]]:
    """Every plain part of every text in a file, those inside the holes of others too."""
    for each in found:
        for part in each.parts:
            if isinstance(part, tuple):
                yield from _texts(part, file)
            elif part.strip():
                yield file, part


@pytest.mark.parametrize(("file", "text"), sorted({each for file, text in FILES.items() for each in _texts(tokens(text), file)}))
def test_no_text_in_a_bicep_file_is_without_effect(file: str, text: str) -> None:
    assert text in FILES[file], "it is written as it is meant, without escapes"
    for place in [match.start() for match in re.finditer(re.escape(text), FILES[file])]:
        if FILES[file][place - 1] in "'}":  # not a word of a comment or of another text
            changed = FILES[file][:place] + "x" + FILES[file][place:]
            assert template_of(FILES | {file: changed}) != COMPILED


def _strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """The strings in a template, with their paths."""
    match value:
        case dict():
            for key, each in value.items():
                yield from _strings(each, (*path, key))
        case list():
            for place, each in enumerate(value):
                yield from _strings(each, (*path, place))
        case str():
            yield path, value


PATHS = [path for path, _ in _strings(json.loads(COMPILED))]


@pytest.mark.parametrize("path", PATHS[::7], ids=lambda path: ".".join(map(str, path)))
def test_a_change_of_the_compiled_template_alone_is_detected(path: tuple[Any, ...]) -> None:
    changed = json.loads(COMPILED)
    *way, last = path
    spot = changed
    for step in way:
        spot = spot[step]
    spot[last] += "x"
    assert written(changed) != ANEW


@pytest.mark.parametrize("file", FILES)
def test_everything_that_can_be_given_is_described(file: str) -> None:
    program = Program.read(file, FILES)
    for name, parameter in program.all(s.Parameter).items():
        kind = "Required" if parameter.default is None else "Optional"
        assert re.fullmatch(rf"{kind}\. [A-Z].*\.", description(parameter.decorators)), name
    for node in s.walk(program.declarations):
        if isinstance(node, s.Output | s.TypeDeclaration | s.TypeProperty):
            assert re.fullmatch(r"[A-Z].*\.", description(node.decorators)), node.name


def description(decorators: tuple[s.Decorator, ...]) -> str:
    """What `@description()` says."""
    (found,) = [each.arguments[0] for each in decorators if each.name == "description"]
    assert isinstance(found, s.Literal)
    return str(found.value)


SECTIONS = {
    "type": "types",
    "param": "parameters",
    "var": "variables",
    "resource": "resources",
    "module": "resources",
    "output": "outputs",
}
"""The heading above each kind of declaration, in order."""


@pytest.mark.parametrize("file", FILES)
def test_the_sections_have_one_order(file: str) -> None:
    order = list(SECTIONS)
    found = [match[1] for match in re.finditer(rf"^({'|'.join(order)}) ", FILES[file], re.MULTILINE)]
    assert found == sorted(found, key=order.index)
    headings = re.findall(rf"^// ({'|'.join(set(SECTIONS.values()))})$", FILES[file], re.MULTILINE)
    assert headings == list(dict.fromkeys(SECTIONS[each] for each in found))


# the contract with the client


def decided(link: str) -> dict[str, Any]:
    """The parameters of a first deployment."""
    wanted = environment(dps={"link": link}, vault={"logs": WORKSPACE})
    return dict(decide(wanted, Resources(GROUP, group_exists=True), [PRINCIPAL]).parameters)


@pytest.mark.parametrize("link", ["key", "identity"])
def test_the_client_gives_each_parameter_that_the_template_has(link: str) -> None:
    template = json.loads(COMPILED)
    assert decided(link).keys() == template["parameters"].keys()
    for each in template["parameters"].values():
        assert (each["type"], each["defaultValue"]) == ("array", []), "what a deployment does not speak of, it does not write"
    assert template["outputs"].keys() == {"linkedHubs"}, "the next run reads it as a parameter of the deployment"


@pytest.mark.parametrize("link", ["key", "identity"])
def test_the_client_gives_each_property_that_a_type_has_and_no_other(link: str) -> None:
    template = json.loads(COMPILED)
    given = decided(link)
    filled = {name for name, values in given.items() if values}
    others = {"services", "identityServices" if link == "key" else "newServices"}
    assert filled == template["parameters"].keys() - others
    assert template["parameters"]["services"]["items"] == template["parameters"]["newServices"]["items"]
    for name in filled:
        for value in given[name]:
            require_type(value, template["parameters"][name]["items"], template["definitions"])


TYPES: dict[str, Any] = {"array": list, "object": dict, "string": str, "int": int, "bool": bool}


def require_type(value: Any, type_: JSON, definitions: JSON) -> None:
    """Asserts that a value is of a type: no property too many, none missing, be it nullable."""
    if "$ref" in type_:
        type_ = definitions[type_["$ref"].removeprefix("#/definitions/")]
    if value is None:
        assert type_["nullable"]
        return
    assert type(value) is TYPES[type_["type"]]
    assert value in type_.get("allowedValues", [value])
    if "properties" in type_:
        assert value.keys() == type_["properties"].keys()
        for name, each in value.items():
            require_type(each, type_["properties"][name], definitions)
    for each in value if "items" in type_ else ():
        require_type(each, type_["items"], definitions)


def test_the_limits_of_names_and_numbers_are_those_of_the_settings() -> None:
    schema = environment().model_json_schema()["$defs"]
    definitions = json.loads(COMPILED)["definitions"]
    for name, definition in (("Hub", "hubType"), ("Dps", "serviceType"), ("Dps", "identityServiceType")):
        wanted, ours = schema[name]["properties"], definitions[definition]["properties"]
        lengths = wanted["name"]["minLength"], wanted["name"]["maxLength"]
        assert (ours["name"]["minLength"], ours["name"]["maxLength"]) == lengths
    hub, vault = definitions["hubType"]["properties"], definitions["vaultType"]["properties"]
    capacity = schema["Hub"]["properties"]["capacity"]
    assert (hub["capacity"]["minValue"], hub["capacity"]["maxValue"]) == (capacity["minimum"], capacity["maximum"])
    assert sorted(hub["sku"]["allowedValues"]) == sorted(schema["Hub"]["properties"]["sku"]["enum"])
    days = schema["Vault"]["properties"]["soft_delete_days"]
    retention = vault["softDeleteRetentionDays"]
    assert (retention["minValue"], retention["maxValue"]) == (days["minimum"], days["maximum"])
    weight = schema["Hub"]["properties"]["weight"]
    for definition in ("serviceType", "identityServiceType"):
        ours = definitions[definition]["properties"]["links"]["items"]["properties"]["allocationWeight"]
        assert (ours["minValue"], ours["maxValue"]) == (weight["minimum"], weight["maximum"])


def test_what_waits_for_what() -> None:
    """A DPS is linked to hubs that exist, a role is assigned on what exists, and so are logs sent."""
    waits = {name: each.get("dependsOn", []) for name, each in json.loads(COMPILED)["resources"].items()}
    assert waits == {
        "writtenVaults": [],
        "writtenHubs": [],
        "madeServices": ["writtenHubs"],
        "writtenServices": ["writtenHubs"],
        "writtenIdentityServices": ["writtenHubs"],
        "writtenVaultLogs": ["writtenVaults"],
        "writtenServiceLogs": ["madeServices", "writtenIdentityServices", "writtenServices"],
        "access": ["madeServices", "writtenHubs", "writtenIdentityServices", "writtenServices", "writtenVaults"],
    }


# limits of Azure


def _templates(template: JSON) -> Iterator[JSON]:
    """A template and those inside it."""
    yield template
    for each in template["resources"].values():
        if "template" in each.get("properties", {}):
            yield from _templates(each["properties"]["template"])


def test_it_is_within_the_limits_of_a_template() -> None:
    """Source: "Azure subscription and service limits", Azure Resource Manager: template limits."""
    assert len(COMPILED.encode()) < 4 * 1024 * 1024
    found = list(_templates(json.loads(COMPILED)))
    assert len(found) == 9
    for template in found:
        assert len(template.get("parameters", {})) <= 256
        assert len(template.get("variables", {})) <= 512
        assert len(template["resources"]) <= 800
        assert len(template.get("outputs", {})) <= 64
    longest = max((text for _, text in _strings(json.loads(COMPILED)) if text.startswith("[")), key=len)
    assert 100 < len(longest) < 24_576


def test_the_name_of_each_deployment_is_short_enough() -> None:
    """64 characters. Source: "Naming rules and restrictions for Azure resources", Microsoft.Resources/deployments."""
    definitions = json.loads(COMPILED)["definitions"]
    names = [each["properties"]["name"] for each in definitions.values() if "name" in each["properties"]]
    longest = max(each["maxLength"] for each in names)
    modules = {name: each for name, each in json.loads(COMPILED)["resources"].items() if "copy" in each}
    assert len(modules) == 7
    for each in modules.values():
        prefix = re.fullmatch(r"\[format\('([a-z-]+)\{0\}', parameters\('\w+'\)\[copyIndex\(\)\]\.name\)\]", each["name"])
        assert prefix is not None
        assert len(prefix[1]) + longest <= 64
