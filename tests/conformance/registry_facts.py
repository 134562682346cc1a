"""What sessions of Microsoft's .NET service client prove about a hub's device registry: which test holds each sentence, or why
none does.

The source: the repository `Azure/azure-sdk-for-net`, below `sdk/iot/Azure.IoT.Hub.Service/tests/SessionRecords/` (before 2021
`Azure.Iot.Hub.Service`), API version 2020-03-13, recorded in June, July, August and September 2020, July and December 2021:
`DevicesClientTests/DevicesClient_` `IdentityLifecycle`, `UpdateDevice_EtagDoesNotMatch`, `TwinLifecycle`,
`DeviceTwinLifecycle`, `BulkUpdate`, `BulkCreation_DeviceWithTwin` and `Query_GetTwins`;
`QueryTests/QueryClient_GetAllDevicesTwinsWithTag`; `StatisticsClientTests/`;
`ModulesClientTests/ModulesClient_UpdateModuleTwin_EtagDoesNotMatch`.

The sentences are ours, and so are the values in the tests: the sessions need not be at hand.
"""

from __future__ import annotations

HELD = {
    "test_a_new_identity": (
        "A PUT of a new identity is answered 200, with `If-Match` an empty etag in quotation marks, or without one.",
        "The body alone has the device's ID; all else is given to it: `sas`, two keys of 32 bytes, enabled, no edge device.",
        "The members of an identity have one order, and null stands where nothing is: the reason of its status, its thumbprints.",
        "A generation is the moment of the creation in 18 digits, the ticks of .NET.",
        "The etag of an identity is a number's decimal digits in base64, quoted in the header `ETag`, bare in the body.",
        "From July to September 2020 the answer to a creation has an empty list of parent scopes; no GET has it.",
    ),
    "test_reading_an_identity": (
        "In the answer to its creation, times that are not yet have no zone; afterwards they end in Z.",
        "A GET of an identity is answered 200 under the same etag, which it does not change.",
    ),
    "test_changing_an_identity": (
        "A PUT under the present etag, quoted, or under `*` is answered 200, whatever etag the body has.",
        "A change counts the number in the etag up by one.",
        "Keys and generation stay, and a change of status is dated, with a fraction of a second.",
    ),
    "test_parent_scopes_come_back": ("A list of parent scopes that was sent comes back.",),
    "test_a_former_etag_changes_nothing": (
        "A PUT under a former etag is answered 412, with `PreconditionFailed` in `iothub-errorcode`, without an `ETag`.",
        "Its body has two members: `Message` begins with the code, `ExceptionMessage` has a tracking ID and the time.",
        "The tracking ID is `x-ms-request-id` without its hyphens, and the place in the hub.",
        "The message of 2021 names the version that is there and the one asked for, that of 2020 only repeats the code.",
        "A refused change leaves the etag: the next number follows the last that was accepted.",
    ),
    "test_deleting_an_identity": ("A DELETE under `*` is answered 204, without a body, a media type or an etag.",),
    "test_the_twin_of_a_new_identity": (
        "A GET of a twin is answered 200, without the header `ETag`.",
        "A twin's members have one order; those that no service has set are absent, as are a status reason and tags.",
        "A new twin has the etag 1, in eight bytes and base64, and the version 2.",
        "Its desired and reported properties are both of `$version` 1 and of the same moment, without `$lastUpdatedVersion`.",
        "`deviceEtag` is the identity's etag.",
    ),
    "test_changing_a_twin": (
        "A PATCH of a twin takes a whole twin as it was read, with no thumbprints; all but its properties stays as it was.",
        "It counts up the twin's etag, its version and the desired `$version`, by one each, and not the identity's etag.",
        "What changed has date and `$lastUpdatedVersion` in `$metadata`, the section first, then the member.",
        "What the client sends of `$metadata` and `$version` is not heard, and reported properties stay.",
    ),
    "test_a_twins_former_etag_changes_nothing": (
        "A PATCH of a twin under a former etag is 412 and names the device (recorded of a module); the tracking ID has no place.",
    ),
    "test_a_query": (
        "A query is a POST that is answered 200 with a list, and with `Twin` in `x-ms-item-type` though the list be empty.",
        "A query knows nothing of a device that was just made; some seconds later it shows the twin.",
        "The words of a query may be in small letters.",
    ),
    "test_many_identities_with_their_twins": (
        "A bulk request is answered 200 with `isSuccessful`, `errors` and `warnings`, in this order, without an `ETag`.",
        "Desired properties that come with an identity are of `$lastUpdatedVersion` 1 and of no date, the reported of its date.",
    ),
    "test_many_identities_are_changed_and_deleted": (
        "A bulk update counts up each etag by one and dates a change of status.",
        "A bulk deletion in the mode `delete` does not mind a former etag.",
    ),
    "test_statistics": (
        "Statistics of devices are three counts, in all, enabled and disabled; those of the service one, connected.",
    ),
    "test_every_answer_says_what_it_is": (
        "An answer with a body is `application/json; charset=utf-8`, and every answer has an `x-ms-request-id`.",
    ),
}
"""By the test in `test_registry.py` that fails where the embedded Azure stops being so: the sentences."""

NOT_HELD = {
    "Every answer has `Server: Microsoft-HTTPAPI/2.0` and `Vary: Origin`.": "no client of the service reads them",
    "An answer without a body says `Content-Length: 0`.": "the server writes lengths, which these tests do not pass through",
    "A fraction of a second has no zeros at its end.": "all seven digits are written; the form is the same for nine times in ten",
    "Statistics lag behind, each by itself: of six enabled devices five were counted in all.": "they are counted at once",
    "A twin tells which configurations were applied to it.": "there are no automatic device configurations here",
    "Modules have identities and twins of their own.": "there are no modules here",
}
"""By sentence: why no test holds it."""
