"""Each published format is read into the same exchanges. The recordings here are made up, a few lines each."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from tests.conformance.messages import Recording
from tests.conformance.recordings import Unreadable, discover, read_all, read_recording

pytestmark = pytest.mark.usefixtures("unmeasured")

URL = "https://v.vault.azure.net/secrets/s?api-version=7.4"
ANSWER = {"value": "x", "id": "https://v.vault.azure.net/secrets/s/1"}


def read(folder: Path, name: str, text: str) -> Recording:
    path = folder / name
    path.write_text(text)
    recording = read_recording(path, [folder])
    assert recording is not None
    return recording


def assert_is_the_exchange(recording: Recording) -> None:
    (exchange,) = recording.exchanges
    assert (exchange.method, exchange.url, exchange.status) == ("PUT", URL, 200)
    assert (exchange.host, exchange.path, exchange.api_version) == ("v.vault.azure.net", "/secrets/s", "7.4")
    assert exchange.request.headers["content-type"] == "application/json"
    assert exchange.request.json() == {"value": "x"}
    assert exchange.response.headers["date"] == "Mon, 06 Nov 2023 12:48:56 GMT"
    assert exchange.response.json() == ANSWER


def cassette(request_body: str, response_body: str, extra: str = "") -> str:
    return f"""interactions:
- request:
    body: {request_body}
    headers: {{Content-Type: [application/json]}}
    method: PUT
    uri: {URL}
  response:
    body: {{string: {response_body}}}
    headers: {{date: ['Mon, 06 Nov 2023 12:48:56 GMT']{extra}}}
    status: {{code: 200, message: OK}}
version: 1
"""


def test_cassette(tmp_path: Path) -> None:
    assert_is_the_exchange(read(tmp_path, "a.yaml", cassette("""'{"value": "x"}'""", f"'{json.dumps(ANSWER)}'")))


def test_cassette_written_by_python_2(tmp_path: Path) -> None:
    text = cassette("""!!python/unicode '{"value": "x"}'""", f"!!python/unicode '{json.dumps(ANSWER)}'")
    assert_is_the_exchange(read(tmp_path, "a.yml", text))


def test_cassette_with_a_compressed_body(tmp_path: Path) -> None:
    body = base64.b64encode(gzip.compress(json.dumps(ANSWER).encode())).decode()
    text = cassette("""'{"value": "x"}'""", f"!!binary {body}", ", content-encoding: [gzip]")
    assert_is_the_exchange(read(tmp_path, "a.yaml", text))


def test_cassette_with_a_parsed_body(tmp_path: Path) -> None:
    interaction = {
        "request": {"method": "PUT", "uri": URL, "body": '{"value": "x"}', "headers": {"Content-Type": "application/json"}},
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"Date": ["Mon, 06 Nov 2023 12:48:56 GMT"]},
            "body": {"data": ANSWER},
        },
    }
    assert_is_the_exchange(read(tmp_path, "a.json", json.dumps({"version": 1, "interactions": [interaction]})))


@pytest.mark.parametrize("body", [{"value": "x"}, '{"value": "x"}'], ids=["parsed", "text"])
def test_session_of_the_test_proxy(tmp_path: Path, body: object) -> None:
    entry = {
        "RequestUri": URL,
        "RequestMethod": "PUT",
        "RequestHeaders": {"Content-Type": "application/json"},
        "RequestBody": body,
        "StatusCode": 200,
        "ResponseHeaders": {"Date": "Mon, 06 Nov 2023 12:48:56 GMT"},
        "ResponseBody": ANSWER,
    }
    assert_is_the_exchange(read(tmp_path, "a.json", "\ufeff" + json.dumps({"Entries": [entry], "Variables": {}})))


GO = """---
version: 2
interactions:
    - id: 1
      request:
        body: '{"value": "x"}'
        headers: {Content-Type: [application/json]}
        url: %s
        method: PUT
      response:
        body: '%s'
        headers: {Date: ['Mon, 06 Nov 2023 12:48:56 GMT']}
        status: 200 OK
        code: 200
---
env_name: test
"""
RUBY = """---
http_interactions:
- request:
    method: put
    uri: %s
    body: {encoding: UTF-8, string: '{"value": "x"}'}
    headers: {Content-Type: [application/json]}
  response:
    status: {code: 200, message: }
    headers: {date: ['Mon, 06 Nov 2023 12:48:56 GMT']}
    body: {encoding: UTF-8, string: '%s'}
  recorded_at: Mon, 06 Nov 2023 12:48:56 GMT
recorded_with: VCR 2.9.3
"""


@pytest.mark.parametrize("text", [GO, RUBY], ids=["go", "ruby"])
def test_cassettes_of_other_languages(tmp_path: Path, text: str) -> None:
    assert_is_the_exchange(read(tmp_path, "a.yaml", text % (URL, json.dumps(ANSWER))))


def test_network_calls_of_java(tmp_path: Path) -> None:
    poll = "http://localhost:1234/subscriptions/1/operationresults/2?api-version=2020-06-01"
    answer = {"StatusCode": "202", "retry-after": "0", "location": poll, "Body": '{"a": 1}'}
    call = {"Method": "PUT", "Uri": "http://localhost:1234/subscriptions/1?api-version=2020-06-01", "Response": answer}
    vault = {"Method": "GET", "Uri": URL, "Headers": {"Accept": "*/*"}, "Response": {"StatusCode": "200"}}
    first, second = read(tmp_path, "a.json", json.dumps({"networkCallRecords": [call, vault]})).exchanges
    assert "retry-after" not in first.response.headers
    assert (first.method, first.host, first.status, first.response.json()) == ("PUT", "management.azure.com", 202, {"a": 1})
    assert first.response.headers["location"] == poll.replace("http://localhost:1234", "https://management.azure.com")
    assert (second.url, second.request.headers, second.response.body) == (URL, {"accept": "*/*"}, b"")


def test_bodies_that_python_2_wrote_over_and_over(tmp_path: Path) -> None:
    body = b'{"value": "x"}'
    twice = str(str(body).encode())
    recording = read(tmp_path, "a.yaml", cassette(json.dumps(twice), f"'{json.dumps(ANSWER)}'"))
    assert_is_the_exchange(recording)
    wrong = read(tmp_path, "b.yaml", cassette(json.dumps("b'\\x'"), "''"))
    assert wrong.exchanges[0].request.body == b"b'\\x'"


def test_an_id_that_was_masked_by_a_word_is_one_again(tmp_path: Path) -> None:
    masked = cassette("null", "''").replace("https://v.vault.azure.net/", "https://management.azure.com/<AZURE_SUBSCRIPTION_ID>/")
    assert read(tmp_path, "a.yaml", masked).exchanges[0].path == "/00000000-0000-0000-0000-000000000000/secrets/s"


def test_the_folders_are_read_one_after_the_other(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.yaml").write_text(cassette("null", "''"))
    assert [each.name for each in read_all([tmp_path / "b", tmp_path / "a"])] == ["b/x.yaml", "a/x.yaml"]


def test_old_session_without_hosts(tmp_path: Path) -> None:
    vault = {
        "RequestUri": "//secrets/s?api-version=7.4",
        "RequestMethod": "PUT",
        "RequestHeaders": {"Content-Type": ["application/json"]},
        "RequestBody": '{\r\n  "value": "x"\r\n}',
        "StatusCode": 200,
        "ResponseHeaders": {"Date": ["Mon, 06 Nov 2023 12:48:56 GMT"]},
        "ResponseBody": json.dumps(ANSWER),
    }
    manager = vault | {"RequestUri": "/subscriptions/1/resourceGroups/g?api-version=2021-04-01", "RequestBody": ""}
    recording = read(tmp_path, "a.json", json.dumps({"Entries": [vault, manager], "Names": {}}))
    assert_is_the_exchange(Recording(recording.name, recording.exchanges[:1]))
    assert recording.exchanges[1].host == "management.azure.com"
    assert recording.exchanges[1].request.body == b""


def test_an_old_session_is_read_in_the_order_of_its_times(tmp_path: Path) -> None:
    def entry(path: str, date: str) -> dict[str, object]:
        answer = {"StatusCode": 200, "ResponseHeaders": {"Date": [date]}, "ResponseBody": ""}
        return {"RequestUri": path, "RequestMethod": "GET", "RequestHeaders": {}, "RequestBody": ""} | answer

    later, sooner = "Mon, 06 Nov 2023 12:48:57 GMT", "Mon, 06 Nov 2023 12:48:56 GMT"
    entries = [entry("/a", later), entry("/b", sooner), entry("/c", sooner)]
    recording = read(tmp_path, "a.json", json.dumps({"Entries": entries, "Names": {}}))
    assert [(each.index, each.path) for each in recording.exchanges] == [(0, "/b"), (1, "/c"), (2, "/a")]
    entries[1] = entry("https://v.vault.azure.net/b", sooner)  # of a newer recorder, which keeps the order
    recording = read(tmp_path, "b.json", json.dumps({"Entries": entries, "Names": {}}))
    assert [each.path for each in recording.exchanges] == ["/a", "/b", "/c"]


def test_no_body_and_null_are_told_apart(tmp_path: Path) -> None:
    recording = read(tmp_path, "a.yaml", cassette("null", "''"))
    assert recording.exchanges[0].request.body == recording.exchanges[0].response.body == b""
    recording = read(tmp_path, "a.yaml", cassette("null", "'null'"))
    assert recording.exchanges[0].response.body == b"null"


@pytest.mark.parametrize(("length", "body"), [("0", b""), ("4", b"null")])
def test_no_body_and_null_look_alike_where_bodies_are_parsed(tmp_path: Path, length: str, body: bytes) -> None:
    entry = {
        "RequestUri": URL,
        "RequestMethod": "DELETE",
        "RequestHeaders": {},
        "RequestBody": None,
        "StatusCode": 202,
        "ResponseHeaders": {"Content-Length": length},
        "ResponseBody": None,
    }
    assert read(tmp_path, "a.json", json.dumps({"Entries": [entry]})).exchanges[0].response.body == body
    if not body:
        assert read(tmp_path, "c.json", json.dumps({"Entries": [entry | {"ResponseBody": []}]})).exchanges[0].response.body == b""
    interaction = {
        "request": {"method": "DELETE", "uri": URL, "body": None, "headers": {}},
        "response": {"status": {"code": 202}, "headers": {"Content-Length": [length]}, "body": {"data": None}},
    }
    assert read(tmp_path, "b.json", json.dumps({"interactions": [interaction]})).exchanges[0].response.body == body


def test_parameters_without_a_value_are_kept(tmp_path: Path) -> None:
    text = cassette("null", "''").replace("?api-version=7.4", "?Api-Version=7.4&asyncinfo&t=%2B1")
    (exchange,) = read(tmp_path, "a.yaml", text).exchanges
    assert exchange.query == {"Api-Version": "7.4", "asyncinfo": "", "t": "+1"}
    assert exchange.api_version == "7.4"


def test_what_is_no_recording_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "notes.json").write_text('{"entries": [], "note": "interactions"}')
    (tmp_path / "sub" / "README.md").write_text("interactions:")
    (tmp_path / "sub" / "a.yaml").write_text(cassette("null", "''"))
    assert discover([tmp_path]) == [tmp_path / "sub" / "a.yaml"]
    assert read_recording(tmp_path / "sub" / "notes.json", [tmp_path]) is None
    assert discover([tmp_path / "absent"]) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.json", b'{"interactions": ['),
        ("broken.yaml", b"interactions:\n- request: [\n"),
        ("other.json", b'{"Entries": [{"Uri": "https://v.vault.azure.net"}]}'),
    ],
)
def test_a_broken_recording_is_named_and_the_others_are_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "whole.yaml").write_text(cassette("null", "''"))
    with pytest.raises(Unreadable, match=name):
        read_recording(tmp_path / name, [tmp_path])
    assert [each.name for each in read_all([tmp_path])] == [f"{tmp_path.name}/whole.yaml"]


def test_bytes_that_are_no_text_do_not_hide_a_recording(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(cassette("null", "''").replace("OK", "@").encode().replace(b"@", b'"\xff"'))
    (recording,) = read_all([tmp_path])
    assert recording.exchanges[0].status == 200


def test_words_of_a_recording_do_not_make_one(tmp_path: Path) -> None:
    (tmp_path / "notes.yaml").write_text("interactions: none\n")
    assert read_recording(tmp_path / "notes.yaml", [tmp_path]) is None
