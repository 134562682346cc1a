"""What Azure has been seen to do in more than one way, or nobody has seen: which of them the embedded one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Habits:
    """The defaults are those of the newest recordings; where there is none, the stricter.

    quoted_etags: CA certificates take an `If-Match` that is quoted, beside one that is not (recorded: unquoted only).
    certificate_files: a CA certificate may be base64 of DER (recorded of a hub in 2017) or PEM itself (2020), not only base64 of
    PEM (people report that DER is refused).
    leaf_alone: a device certificate that arrives at DPS alone may be below a verified CA certificate (nobody has seen it).
    parallel_registrations: a device may register while its last registration is still being assigned (not, in tests of the
    .NET SDK).
    deletion_answers_null: the answer to a deletion that has begun has the JSON value null for a body, or none; None: of a
    provisioning service always, of a hub before 2023, as recorded.
    hub_defaults_answered: the answer to a PUT of a hub has its state and what the service sets itself (recorded 2017 to 2022),
    or little but what was sent, and if the hub was there what is left of operations monitoring (2023 and 2024).
    polled_below: where a hub's operations are asked for: below its region (recorded since 2022), below the subscription (2020),
    or below the hub itself (2017 and 2018).
    what_if_defaults: what the service itself has set and a template leaves out is, in the result of a what-if, carried over
    into what will be ("carried": no change, recorded 2023 and 2026), missing there ("deleted": recorded 2020 for arrays of
    a virtual network), or in nothing but what will be ("created": recorded 2020 for a subnet's location).
    quoted_refusals: a deployment quotes what a provider refused at once as text (recorded to 2022), not as data (2024).
    names_existing_assignment: `RoleAssignmentExists` names the assignment that exists (quoted, 2026), or does not (to 2025).
    hashes_as_sent: a template without a compiler's hash has that of its text as it was sent (recorded 2020), not of its members
    in the engine's own order (2023).
    what_if_empty_objects: a what-if shows objects that have nothing in them, as the evaluator does, or leaves them out (recorded
    2021, of a policy's parameters and a resource group's properties).
    what_if_details: a what-if's changes name their resource's type and symbolic name, and there are `potentialChanges` and
    `diagnostics` though empty, as the specification of 2024-07-01 and later has them; no recording shows it.
    what_if_correlation: the result of a what-if has its correlation ID (recorded since 2020-10).
    what_if_unsupported: the types of which a what-if says that it does not support them (specification).
    vault_defaults_shown: a new vault shows its 90 days of retention and its public access though neither was asked for
    (recorded 2025), or not (2023).
    registration_details: `MissingSubscriptionRegistration` repeats itself in details (recorded since 2019), or does not (2017).
    names_stale_versions: the refusal of a stale etag of a device identity names both versions (recorded 2021), or repeats its
    code (2020).
    new_identity_scopes: the answer to a new device identity has an empty list of parent scopes (recorded July to September
    2020), or none (June 2020 and 2021).
    unregistered: the namespaces of providers that a subscription has yet to register: Microsoft.ManagedIdentity is not among
    those that Microsoft says every subscription has. The others here are taken to be registered.
    dps_put_absent: what a PUT of a provisioning service does with what it leaves out, its tags, identity and links among it:
    all goes back to its default ("reset"), or stays ("kept"). Nobody has seen which.
    vault_put_absent: the same of a vault ("reset" or "kept"); what can never be taken back stays either way.
    policies_absent: the shared access policies of a hub or service where a PUT has no list of them: all stay ("kept": Microsoft's
    CLI writes both so, and nobody has told of a loss), or none but those that every hub or service is made with ("reset": of
    hubs the specification warns of defaults). Whatever else a hub's PUT leaves out goes back to its default (specification).
    never_takes_new_leaf: a device that registers again with another certificate under the reprovisioning policy "never" gets the
    new thumbprint in its hub, or keeps the one before. Nobody has seen which; with the default policy it gets the new one (tests
    of Microsoft's CLI extension).
    ec_reuse_key: a new version of a certificate whose policy says `reuse_key` has the key of the one before if it is an EC key,
    as documented, or a new one (of RSA keys other programs have shown it, of EC keys none).
    identity_links: a provisioning service can be linked to a hub by its own identity from 2026-08-31 on (specification), or the
    link is refused, as where no such version has been rolled out.
    identity_links_before: how an older API version shows such a link: as the newest one does ("whole"), by its name, location
    and part in the allocation alone ("named"), or not at all ("absent"). Nobody has seen which.
    policy_put_before: what becomes of the certificate policy that an enrollment names when an API version without it, before
    2026-11-01, writes the enrollment: it goes, as whatever a PUT leaves out ("reset"), or stays ("kept"). Nobody has seen which.
    issued_trust: why a hub accepts the certificates that Azure issues to a device: they are below the CA of its policy, which is
    synchronized to the hub ("authority": documentation), or the identity has the thumbprint of the newest ("thumbprint").
    unheard_requests: a request for a certificate at the hub without an ID, or of a device that has not subscribed, is passed
    over, or ends the connection (a public write-up has both: no answer, "connection may drop").
    puts_mask_keys: the answer to a PUT masks the keys of links and access policies, or repeats them as they were sent (recorded
    of links).
    masked_links_kept: a link whose key goes back masked, as a GET shows it, goes on working (likely: Microsoft's CLI writes so),
    or its key is the mask from then on.
    what_if_short_circuits: what a what-if does with a module that has a parameter which cannot be known yet: passes it over
    and says so ("told"), or says nothing ("silent": people report a what-if of modules that had come back with nothing).
    diagnostic_settings_stay: the diagnostic settings of a resource outlive it, and are those of the next one of its ID
    (documented as possible), or go with it.
    dps_page: the most items that a page of enrollments or registrations has, whatever the client asks for. No document has a
    number; people who asked for 1,000 report 100, which is also how many come if nobody asks.
    secret_creates: how many secrets a vault takes in 10 seconds: 300, or as many as of other requests, 4,000 (documentation of
    Azure in China, and of the public cloud in the past).
    no_contacts: a vault without certificate contacts answers 404 `ContactsNotFound` (recorded 2020 and 2021), or an empty list
    ("empty": what a user reports of 2025).
    bulk_counts: whether a bulk request to a device registry counts as one operation for each device, or as one ("call"). No
    document says; one report, of requests for 100 devices each that were throttled, can be read so.
    second_federation: a second federated credential of an identity for the same issuer and subject is refused with 409
    `Conflict` (quoted) or 400 `BadRequest` (documentation).
    permissions_need_a_role: the list of one's own permissions needs Microsoft.Authorization/permissions/read (Azure permissions
    of Microsoft.Authorization), or is answered to anybody: people have read it with roles that do not have this action.
    shuffled: lists whose order nothing promises come in one of chance (`World.chances`): the changes of a what-if (sorted in
    recordings) and the links of a provisioning service (as they were sent).
    """

    quoted_etags: bool = True
    certificate_files: bool = False
    leaf_alone: bool = False
    parallel_registrations: bool = True
    deletion_answers_null: bool | None = None
    hub_defaults_answered: bool = False
    polled_below: Literal["location", "subscription", "resource"] = "location"
    what_if_defaults: Literal["carried", "deleted", "created"] = "carried"
    quoted_refusals: bool = False
    names_existing_assignment: bool = True
    hashes_as_sent: bool = False
    what_if_empty_objects: bool = True
    what_if_details: bool = False
    what_if_correlation: bool = True
    what_if_unsupported: frozenset[str] = frozenset()
    vault_defaults_shown: bool = True
    registration_details: bool = True
    names_stale_versions: bool = True
    new_identity_scopes: bool = False
    unregistered: frozenset[str] = frozenset({"Microsoft.ManagedIdentity"})
    dps_put_absent: Literal["reset", "kept"] = "reset"
    vault_put_absent: Literal["reset", "kept"] = "reset"
    policies_absent: Literal["kept", "reset"] = "kept"
    never_takes_new_leaf: bool = True
    ec_reuse_key: bool = True
    identity_links: bool = True
    identity_links_before: Literal["whole", "named", "absent"] = "whole"
    policy_put_before: Literal["reset", "kept"] = "reset"
    issued_trust: Literal["authority", "thumbprint"] = "authority"
    unheard_requests: Literal["ignored", "dropped"] = "ignored"
    puts_mask_keys: bool = False
    masked_links_kept: bool = True
    what_if_short_circuits: Literal["told", "silent"] = "told"
    diagnostic_settings_stay: bool = False
    dps_page: int = 100
    secret_creates: int = 300
    no_contacts: Literal["ContactsNotFound", "empty"] = "ContactsNotFound"
    bulk_counts: Literal["call", "device"] = "device"
    second_federation: Literal["Conflict", "BadRequest"] = "Conflict"
    permissions_need_a_role: bool = True
    shuffled: bool = False
