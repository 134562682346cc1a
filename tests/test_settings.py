"""`infra/NAME.toml`: what is read, and the error for a wrong file: the line, the key, and what was expected."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.pki.keys import KeySpec
from dpsops.pki.profiles import root_subject
from dpsops.settings import Dps, Embedded, Environment, Hub, Leaf, Root, Vault, load
from tests.settings_texts import COMPLETE, SMALL, environment

INFRA = Path(__file__).parents[1] / "infra"


def refusal(directory: Path, text: str) -> InvalidInput:
    """The error for a wrong text: a message of one line, and a hint."""
    with pytest.raises(InvalidInput) as refused:
        environment(directory, text)
    assert len(refused.value.message.splitlines()) == 1
    assert refused.value.hint
    return refused.value


def test_a_complete_file(tmp_path: Path) -> None:
    assert environment(tmp_path, COMPLETE) == Environment(
        name="dev",
        location="westeurope",
        resource_group="rg-(a).b_c-1",
        subscription="5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11",
        tags={"environment": "dev", "cost centre": "42"},
        vault=Vault(name="kv-dpsops-dev", sku="premium", purge_protection=False, soft_delete_days=7),
        dps=Dps(name="dps-dpsops-dev", allocation="geoLatency"),
        hub=[Hub(name="iot-1"), Hub(name="iot-2", location="northeurope", sku="S2", capacity=3, weight=5)],
        root=Root(
            key=KeySpec("EC", 384, hsm=True),
            years=5,
            organization="Söhne & Co. (Nord)",
            warn_days=30,
            prove_to_hubs=True,
            path_length=1,
        ),
        leaf=Leaf(days=90),
        embedded=Embedded(operation_seconds=1.0, certificate_seconds=2.5, role_seconds=3.0, deletion_seconds=4.0),
    )


def test_settings_that_are_left_out_have_defaults(tmp_path: Path) -> None:
    found = environment(tmp_path, SMALL)
    assert (found.subscription, found.tags, found.is_local) == (None, {}, False)
    assert found.vault == Vault(name="kv-dev", sku="standard", purge_protection=True, soft_delete_days=90)
    assert found.hub == [Hub(name="iot-dev", location="", sku="S1", capacity=1, weight=1)]
    assert found.root == Root(key=KeySpec("RSA", 3072), years=10, organization="", warn_days=90, path_length=0)
    assert found.leaf.days == 365


def test_local_needs_no_file(tmp_path: Path) -> None:
    found = load("local", tmp_path)
    assert found.is_local
    assert found.vault.name == "kv-dpsops-local"
    assert load("local", tmp_path / "no" / "such" / "place") == found
    assert environment(tmp_path, SMALL, "local").vault.name == "kv-dev"


@pytest.mark.parametrize("file", sorted(INFRA.glob("*.toml")), ids=lambda file: file.stem)
def test_the_environments_of_this_repository(file: Path) -> None:
    assert load(file.stem, INFRA).name == file.stem


def changed(old: str, new: str) -> str:
    """`COMPLETE` with one line changed."""
    assert COMPLETE.count(old) == 1, old
    return COMPLETE.replace(old, new)


def many(count: int) -> str:
    """So many tags or properties."""
    return ", ".join(f't{number} = "x"' for number in range(count))


FREE = f'{SMALL}sku = "F1"\n'
TWO_HUBS = "hub: two hubs have the same name"
VAULT = "a vault name has 3 to 24 letters, digits and single hyphens, begins with a letter and ends with a letter or digit"
DEVICE_SERVICE = "use letters, digits and hyphens, with a letter or digit first and last"
GROUP = "a resource group name has 1 to 90 letters, digits and ( ) - _ . and does not end with a dot"
REGION = "use the region's short name, in lower case and without spaces, as in"
GROUP_ID = "use up to 128 lower case letters, digits and - . _ : with a letter or digit first, and a letter, a digit or - last"
ORGANIZATION = "use letters, digits, spaces between them and . - ' & ( )"

WRONG: dict[str, tuple[str, int, str]] = {
    # what: text -> line, key and what was expected
    "unknown key at the top": (changed("tags =", "labels ="), 4, "labels: no such setting"),
    "unknown key in a table": (changed("soft_delete_days", "soft_delete"), 10, "vault.soft_delete: no such setting"),
    "a table's name mistyped": (changed("[dps]", "[dsp]"), 12, "dsp: no such setting"),
    "a group of 129 characters": (f'{COMPLETE}[group]\nid = "{"x" * 129}"\n', 43, f"group.id: {GROUP_ID}"),
    "a group in upper case": (f'{COMPLETE}[group]\nid = "Devices"\n', 43, f"group.id: {GROUP_ID}"),
    "unknown table": (f"{COMPLETE}[extra]\n", 42, "extra: no such setting"),
    "unknown table in a table": (f"{COMPLETE}[vault.extra]\n", 42, "vault.extra: no such setting"),
    "unknown key in the second hub": (changed("weight =", "wait ="), 24, "hub.1.wait: no such setting"),
    "missing at the top": (changed('location = "westeurope"', ""), 1, "location: this setting is missing"),
    "missing in a table": (changed('name = "dps-dpsops-dev"', ""), 12, "dps.name: this setting is missing"),
    "missing in the second hub": (changed('name = "iot-2"', ""), 19, "hub.1.name: this setting is missing"),
    "missing table": (changed('[dps]\nname = "dps-dpsops-dev"\nallocation = "geoLatency"\n', ""), 1, "dps: this setting is miss"),
    "no hub": (f"hub = []\n{SMALL.partition('[[hub]]')[0]}", 1, "hub: there is none: write [[hub]], once for each"),
    "a table for a value": ('[location]\nname = "x"\n', 1, "location: Input should be a valid string"),
    "a value for a table": ('location = "x"\nresource_group = "rg"\nvault = 3\n', 3, "vault: this is a table, [vault]"),
    "a list for a table": (f"{SMALL}[[root]]\nyears = 5\n", 9, "root: this is a table, [root]"),
    "a value for the tags": (f'tags = "dev"\n{SMALL}', 1, "tags: this is a table, [tags]"),
    "one hub for many": (SMALL.replace("[[hub]]", "[hub]"), 7, "hub: write [[hub]], once for each"),
    "a number for a text": (changed('"rg-(a).b_c-1"', "5"), 2, "resource_group: Input should be a valid string"),
    "a text for a number": (changed("years = 5", 'years = "5"'), 28, "root.years: Input should be a valid integer"),
    "a boolean for a number": (changed("years = 5", "years = true"), 28, "root.years: Input should be a valid integer"),
    "a number for a boolean": (changed("= false", "= 0"), 9, "vault.purge_protection: Input should be a valid boolean"),
    "a fraction for a number": (changed("capacity = 3", "capacity = 3.0"), 23, "hub.1.capacity: Input should be a valid integer"),
    "a number in the tags": (changed('"42"', "42"), 4, "tags.cost centre: Input should be a valid string"),
    "another SKU": (changed('"S2"', '"S9"'), 22, "hub.1.sku: Input should be 'F1', 'S1', 'S2', 'S3', 'B1', 'B2' or 'B3'"),
    "another allocation": (changed('"geoLatency"', '"custom"'), 14, "dps.allocation: Input should be 'hashed', "),
    "a week less": (changed("soft_delete_days = 7", "soft_delete_days = 6"), 10, "vault.soft_delete_days: Input should be "),
    "a day more": (changed("soft_delete_days = 7", "soft_delete_days = 91"), 10, "vault.soft_delete_days: Input should be "),
    "no unit": (changed("capacity = 3", "capacity = 0"), 23, "hub.1.capacity: Input should be greater than or equal to 1"),
    "more units than F1 has": (changed('"S2"', '"F1"'), 23, "hub.1.capacity: a hub of SKU F1 has at most 1 unit(s)"),
    "more units than S3 has": (
        changed('"S2"', '"S3"').replace("capacity = 3", "capacity = 11"), 23, "hub.1.capacity: a hub of SKU S3 has at most 10",
    ),
    "more units than any has": (changed("capacity = 3", "capacity = 201"), 23, "hub.1.capacity: Input should be less than or"),
    "two free hubs": (f'{FREE}[[hub]]\nname = "iot-2"\nsku = "F1"\n', 7, "hub: a subscription has one free hub (F1) at most"),
    "no weight": (f"{SMALL}weight = 0\n", 7, "hub: every hub has the weight 0, so no device gets a hub"),
    "no weight for the first hub": (
        changed('"geoLatency"', '"static"').replace('"iot-1"', '"iot-1"\nweight = 0'), 16, "hub: the allocation is static",
    ),
    "too many tags": (f"tags = {{ {many(51)} }}\n{SMALL}", 1, "tags: a resource has at most 50 tags, and these are 51"),
    "a tag without a name": (f"tags = {{ '' = 'x' }}\n{SMALL}", 1, "tags: '' is not a valid name of a tag: use no < > % &"),
    "a bad name of a tag": (f"tags = {{ 'a<b' = 'x' }}\n{SMALL}", 1, "tags: 'a<b' is not a valid name of a tag: use no < > % & "),
    "a long name of a tag": (f"tags = {{ {'a' * 513} = 'x' }}\n{SMALL}", 1, "tags: the name of a tag has at most 512 characters"),
    "a long tag": (f"tags = {{ a = '{'x' * 257}' }}\n{SMALL}", 1, "tags: the value of a tag has at most 256 characters, and tha"),
    "one tag twice": (f"tags = {{ Team = 'x', team = 'x' }}\n{SMALL}", 1, "tags: 'Team' and 'team' are one tag"),
    "too many years": (changed("years = 5", "years = 31"), 28, "root.years: Input should be less than or equal to 30"),
    "a longer path": (changed("path_length = 1", "path_length = 2"), 32, "root.path_length: Input should be less"),
    "no path": (changed("path_length = 1", "path_length = -1"), 32, "root.path_length: Input should be greater"),
    "a path that is true": (changed("path_length = 1", "path_length = true"), 32, "root.path_length: Input should be a valid"),
    "too many days": (changed("days = 90", "days = 3651"), 35, "leaf.days: Input should be less than or equal to 3650"),
    "a warning too early": (
        changed("warn_days = 30", "warn_days = 1621"), 30, "root.warn_days: at most 1620 for a root that is valid for 5 year(s)",
    ),
    "infinitely slow": (changed("= 2.5", "= inf"), 39, "embedded.certificate_seconds: Input should be a finite number"),
    "faster than that": (changed("= 2.5", "= -0.1"), 39, "embedded.certificate_seconds: Input should be greater"),
    "the display name of a region": (changed('"westeurope"', '"West Europe"'), 1, f"location: {REGION} westeurope"),
    "a region with a newline": (changed('"westeurope"', '"westeurope\\n"'), 1, f"location: {REGION}"),
    "a hub's region": (changed('"northeurope"', '"North Europe"'), 21, f"hub.1.location: {REGION} northeurope"),
    "no subscription": (changed('"5e0f7b3c-', '"'), 3, "subscription: a subscription is given by its ID"),
    "a subscription's name": (changed('"5e0f7b3c-6d0c-4a53-9f0c-0f8f4d9f2c11"', '"Pay-As-You-Go"'), 3, "subscription: a subsc"),
    "another type of key": (changed('"EC-P384-HSM"', '"DSA"'), 27, "root.key: 'DSA' is not a type of root key: use RSA-2048"),
    "a number for a key": (changed('"EC-P384-HSM"', "2048"), 27, "root.key: '2048' is not a type of root key"),
    "hardware in a standard vault": (
        changed('sku = "premium"', 'sku = "standard"'), 8, 'vault.sku: a root key of type EC-P384-HSM needs sku = "premium"',
    ),
    "hardware in a vault by default": (
        changed('sku = "premium"\n', ""), 6, 'vault.sku: a root key of type EC-P384-HSM needs sku = "premium"',
    ),
    "a date in the twin": (f"{COMPLETE}[group]\ntwin = {{ a = [2030-01-01] }}\n", 43, "group.twin: JSON has no dates and times"),
    "NaN in the twin": (f"{COMPLETE}[group]\ntwin = {{ a = nan }}\n", 43, "group.twin: JSON has no number nan"),
    "a bad name in the twin": (f"{COMPLETE}[group]\ntwin = {{ a = {{ '$b' = 1 }} }}\n", 43, "group.twin: '$b' is not a"),
    "two hubs of one name": (changed('"iot-2"', '"IOT-1"'), 16, TWO_HUBS),
    "the environment's name": (f'name = "dev"\n{COMPLETE}', 1, "name: the name of the file is the name of"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), WRONG.values(), ids=WRONG)
def test_the_error_for_a_wrong_file_names_line_key_and_reason(tmp_path: Path, text: str, line: int, words: str) -> None:
    assert refusal(tmp_path, text).message.startswith(f"{tmp_path / 'dev.toml'}, line {line}: {words}")


def test_the_hint_says_how_many_more_errors_there_are(tmp_path: Path) -> None:
    example = "for a complete example: dpsops init example"
    assert refusal(tmp_path, "").hint == f"correct the file (4 more error(s)); {example}"
    assert refusal(tmp_path, changed("years = 5", "years = 0")).hint == f"correct the file; {example}"


@pytest.mark.parametrize(
    ("table", "key", "good", "bad", "words"),
    [
        ("vault", "name", ["kv1", "K-v", "a" * 24, "a-1-b-2"],
         ["kv", "a" * 25, "1kv", "-kv", "kv-", "k--v", "k_v", "k.v", "kv dev", "kv-d\u00e9v", "kv-\uff11", "kv-dev\\n", ""],
         VAULT),
        ("dps", "name", ["dps", "1-2", "d--s", "a" * 50], ["-dps", "dps-", "d.s", "d_s", "d s", "d\u00e9s", "dps\\n"],
         DEVICE_SERVICE),
        ("dps", "name", [], ["d", "dp", ""], "String should have at least 3 characters"),
        ("dps", "name", [], ["a" * 51], "String should have at most 50 characters"),
        ("hub", "name", ["hub", "H-1", "a" * 50], ["-hub", "hub-", "h.b", "h_b"], DEVICE_SERVICE),
        ("dps", "name", ["global-1", "aglobal"], ["global", "Global"],
         "a DPS cannot have the name 'global', where devices find every DPS"),
        ("hub", "name", ["1-2", "i--t", "global"], ["123"], "the name of a hub has a letter or a hyphen: not only digits"),
        ("hub", "name", [], ["a" * 51], "String should have at most 50 characters"),
        ("", "resource_group", ["r", "(r)", "r.g", "R_g-1", "r" * 90, "gr\u00fcn"], ["", "r.", "r" * 91, "r g", "r/g", "rg\\n"],
         GROUP),
        ("root", "organization", ["", "A", "3M", "Contoso Ltd.", "O'Neil & Sons (UK)", "a-b", "Stra\u00dfenbau",
          "\u682a\u5f0f\u4f1a\u793e"],
         [" A", "A ", " ", "A, B", "A+B", 'A\\"B', "A\\\\B", "<A>", "A;B", "A=B", "#A", "A_B", "A\\nB", "A\\u0000"],
         ORGANIZATION),
        ("root", "organization", [], ["a" * 65], "String should have at most 64 characters"),
    ],
)  # fmt: skip
def test_names(tmp_path: Path, table: str, key: str, good: list[str], bad: list[str], words: str) -> None:
    header = {"": "", "hub": "[[hub]]\n"}.get(table, f"[{table}]\n")
    at = COMPLETE.index(header)
    start = COMPLETE.index(f"{key} = ", at)
    end = COMPLETE.index("\n", start)
    for name in good:
        environment(tmp_path, f'{COMPLETE[:start]}{key} = "{name}"{COMPLETE[end:]}')
    where = f"{'hub.0' if table == 'hub' else table}.{key}".removeprefix(".")
    line = COMPLETE[:start].count("\n") + 1
    for name in bad:
        message = refusal(tmp_path, f'{COMPLETE[:start]}{key} = "{name}"{COMPLETE[end:]}').message
        assert message == f"{tmp_path / 'dev.toml'}, line {line}: {where}: {words}", name


@pytest.mark.parametrize("text", [
    f"tags = {{ {many(50)} }}\n{SMALL}",
    f"tags = {{ {'a' * 512} = '{'x' * 256}', 'cost centre (€)' = '<%&>' }}\n{SMALL}",
    FREE,
    f'{SMALL}sku = "B3"\ncapacity = 10\n',
    f'{SMALL}sku = "B1"\ncapacity = 200\n[group]\ntwin = {{ a = 1 }}\n',
    f'{FREE}[[hub]]\nname = "iot-2"\nweight = 0\n',
], ids=["50 tags", "long tags", "F1", "10 units of B3", "200 units of B1", "another hub without weight"])  # fmt: skip
def test_what_azure_just_accepts(tmp_path: Path, text: str) -> None:
    assert environment(tmp_path, text).name == "dev"


@given(st.text(max_size=70))
@example("株式会社")
@example("O'Neil & Sons (UK) Ltd. - 3")
@settings(max_examples=300)
def test_a_valid_organization_is_written_unescaped_in_an_x500_string(name: str) -> None:
    with contextlib.suppress(ValueError):
        accepted = Root(organization=name).organization
        subject = root_subject("dev", 1, accepted)
        shown = [attribute.rfc4514_string() for attribute in subject]
        assert shown == ([f"O={name}"] if name else []) + ["CN=dpsops dev root G1"]
        assert x509.Name.from_rfc4514_string(", ".join(shown[::-1]).replace(", ", ",")) == subject


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("= nonsense", "at line 1, column 1"),
        ('location = "westeurope', ""),
        ("[vault]\n[vault]\n", "at line 2, column 7"),
        ("a = 1\na = 2\n", "at line 2, column 6"),
        ("a = 2026-13-45", "at line 1"),
        pytest.param(f"a = {'9' * 5000}", "", id="a number with more digits than Python reads"),
        pytest.param(f"a = {'[' * 100_000}", "", id="brackets too deep to be read"),
    ],
)
def test_malformed_toml(tmp_path: Path, text: str, where: str) -> None:
    refused = refusal(tmp_path, text)
    assert refused.message.startswith(f"{tmp_path / 'dev.toml'}: ")
    assert where in refused.message
    assert "https://toml.io" in refused.hint


def test_the_line_is_found_in_every_style_of_toml(tmp_path: Path) -> None:
    dotted = 'location = "x"\nresource_group = "rg"\nvault.name = "kv-dev"\ndps.name = "d"\nhub = [\n  {name = "iot-dev"},\n]\n'
    assert "line 4: dps.name" in refusal(tmp_path, dotted).message
    assert (
        "line 5: hub.0.capacity"
        in refusal(tmp_path, dotted.replace('"d"', '"dps"').replace('dev"}', 'dev", capacity = 0}')).message
    )
    windows = changed("years = 5", "years = 0").replace("\n", "\r\n")
    assert "line 28: root.years" in refusal(tmp_path, windows).message
    quoted = changed("years = 5", "'years' = 0").replace("[root]", ' [ "root" ] # the root')
    assert "line 28: root.years" in refusal(tmp_path, quoted).message
    commented = changed("years = 5", "# years = 5\nyears = 0")
    assert "line 29: root.years" in refusal(tmp_path, commented).message
    separated = changed("[root]\n", "[root]\n# a line\u2028separator\n").replace("years = 5", "years = 0")
    assert "line 29: root.years" in refusal(tmp_path, separated).message
    hub_only = SMALL.replace('location = "westeurope"\n', "") + 'location = "westeurope"\n'  # the hub's, not the environment's
    assert "line 1: location: this setting is missing" in refusal(tmp_path, hub_only).message


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert environment(tmp_path, f"\ufeff{SMALL}") == environment(tmp_path, SMALL)


def test_an_environment_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "prod.toml").write_text(SMALL)
    (tmp_path / "dev.toml").write_text(SMALL)
    with pytest.raises(InvalidInput) as refused:
        load("test", tmp_path)
    assert refused.value.message == f"there is no environment 'test' ({tmp_path / 'test.toml'} is missing)"
    assert refused.value.hint == "environments here: dev, local, prod; for a new one: dpsops init test"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../dev", "a/b", "/etc/passwd", "a\\b", "dev.toml", "Dev", "1dev", "-dev", "dev\n", "d\u00e9v", "d\x00",
     "d" * 25],
)  # fmt: skip
def test_a_name_that_could_be_another_path_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "dev.toml").write_text(SMALL)
    with pytest.raises(InvalidInput, match="is not a valid environment name") as refused:
        load(name, tmp_path / "infra")
    assert refused.value.hint
    assert len(refused.value.message.splitlines()) == 1


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "dev.toml").write_bytes(SMALL.encode("utf-16"))
    with pytest.raises(InvalidInput, match="cannot be read") as refused:
        load("dev", tmp_path)
    assert refused.value.hint == "a settings file is TOML in the encoding UTF-8: save it again in it"


def test_a_directory_instead_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "dev.toml").mkdir()
    with pytest.raises(InvalidInput, match="cannot be read"):
        load("dev", tmp_path)
