"""What the row of a device means."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpsops.errors import InvalidInput
from dpsops.model.enrollment import IndividualSettings
from dpsops.model.wanted import Row, Wanted, wanted
from dpsops.pki.names import DeviceId
from dpsops.settings import Environment
from tests import settings_texts

PRESS = DeviceId("press-07")
COMMON = IndividualSettings(hub="iot-1", policy="reset", twin={"interval": 60})

texts = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
values = st.none() | st.booleans() | st.integers(-(2**52), 2**52 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts
twins = st.dictionaries(names, values | st.dictionaries(names, values, max_size=3) | st.lists(values, max_size=3), max_size=4)
devices = st.builds(
    Wanted,
    st.from_regex(r"[a-z0-9._:-]{0,20}[a-z0-9-]", fullmatch=True).map(DeviceId),
    st.sampled_from([None, "iot-1", "IOT-2"]),
    st.none() | twins,
    st.sampled_from([None, True]),
    st.none() | texts.filter(bool),
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the hubs iot-1 and iot-2."""
    return settings_texts.environment(tmp_path_factory.mktemp("infra"), settings_texts.COMPLETE)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row("press-07"), Wanted(PRESS)),
        (Row("press-07", hub="iot-2"), Wanted(PRESS, hub="iot-2")),
        (Row("press-07", hub="IOT-2"), Wanted(PRESS, hub="IOT-2")),
        (Row("press-07", twin="{}"), Wanted(PRESS, twin={})),
        (Row("press-07", twin=' {"interval": 30} '), Wanted(PRESS, twin={"interval": 30})),
        (Row("press-07", request="a/press 07.csr"), Wanted(PRESS, request="a/press 07.csr")),
        *((Row("press-07", individual=yes), Wanted(PRESS, individual=True)) for yes in ("yes", "true", "1", "Yes", "TRUE")),
        *((Row("press-07", individual=no), Wanted(PRESS, individual=False)) for no in ("no", "false", "0", "No", "FALSE")),
    ],
)
def test_a_row_that_can_be_used(environment: Environment, row: Row, expected: Wanted) -> None:
    assert wanted(row, environment) == expected


@given(device=devices)
def test_the_row_of_a_device_means_the_device(environment: Environment, device: Wanted) -> None:
    assert wanted(device.row(), environment) == device


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row(""), "the device ID is empty"),
        (Row("Press-07"), "the device ID 'Press-07' has upper case letters"),
        (Row("x" * 65), "has 65 characters"),
        (Row("press 07"), "'press 07' is not a valid device ID"),
        (Row("press-07", hub="iot-3"), "the environment has no hub 'iot-3'"),
        (Row("press-07", twin="interval=30"), "the twin cannot be used: Expecting value"),
        (Row("press-07", twin="twin.json"), "the twin cannot be used: Expecting value"),
        (Row("press-07", twin="[1]"), "the twin is not a JSON object"),
        (Row("press-07", twin='"a"'), "the twin is not a JSON object"),
        (Row("press-07", twin="null"), "the twin is not a JSON object"),
        (Row("press-07", twin='{"a.b": 1}'), "'a.b' is not a valid name in a twin"),
        (Row("press-07", twin='{"a": NaN}'), "JSON has no number nan"),
        (Row("press-07", twin='{"a": 1e999}'), "JSON has no number inf"),
        (Row("press-07", twin='{"a": 4503599627370496}'), "an integer in a twin is between"),
        (Row("press-07", twin='{"a": ' + "9" * 5000 + "}"), "the twin cannot be used: Exceeds the limit"),
        (Row("press-07", twin='{"a": "\\ud800"}'), "the twin cannot be used: "),
        (Row("press-07", twin='{"a": 1, "a": 2}'), "the twin cannot be used: the name 'a' is there twice"),
        (Row("press-07", twin='{"a": {"b": 1, "b": 1}}'), "the twin cannot be used: the name 'b' is there twice"),
        (Row("press-07", twin='{"a":' * 20000), "the twin cannot be used: "),
        (Row("press-07", twin='{"a": "' + "x" * 5000 + '"}'), "a string in a twin has at most 4096 bytes"),
        (Row("press-07", individual="maybe"), "'maybe' does not say whether the device gets an individual enrollment"),
        (Row("press-07", individual="2"), "'2' does not say whether"),
        (Row("press-07", hub="iot-1", individual="no"), "press-07 gets no individual enrollment, which could have a hub"),
        (Row("press-07", twin="{}", individual="no"), "press-07 gets no individual enrollment, which could have a hub"),
    ],
)
def test_a_row_that_cannot_be_used(environment: Environment, row: Row, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)):
        wanted(row, environment)


@pytest.mark.parametrize(
    ("device", "common", "expected"),
    [
        (Wanted(PRESS), None, None),
        (Wanted(PRESS, individual=True), None, IndividualSettings()),
        (Wanted(PRESS, hub="iot-2"), None, IndividualSettings(hub="iot-2")),
        (Wanted(PRESS, twin={}), None, IndividualSettings(twin={})),
        (Wanted(PRESS), COMMON, COMMON),
        (Wanted(PRESS, individual=True), COMMON, COMMON),
        (Wanted(PRESS, individual=False), COMMON, None),
        (Wanted(PRESS, hub="iot-2"), COMMON, IndividualSettings("iot-2", "reset", {"interval": 60})),
        (Wanted(PRESS, twin={}), COMMON, IndividualSettings("iot-1", "reset", {})),
    ],
)
def test_the_settings_of_the_individual_enrollment(
    device: Wanted, common: IndividualSettings | None, expected: IndividualSettings | None
) -> None:
    assert device.individual_settings(common) == expected
