"""What the recordings of the deployment engine prove, sentence by sentence: which test holds each, or why none does.

The sentences are numbered in `arm/FACTS.md` of a folder of recordings.
"""

from __future__ import annotations

_ARM = "tests/emulator/arm/"
_VAULTS = "tests/emulator/keyvault/"

HELD = {
    1: _ARM + "test_scopes.py::test_what_if_tells_of_the_group_and_of_what_is_in_it",
    2: _ARM + "test_what_if.py::test_it_takes_time_and_changes_nothing",
    3: _ARM + "test_preflight.py::test_a_provider_refuses_before_anything_is_made",
    4: _ARM + "test_what_if.py::test_modules_are_looked_into",
    5: _ARM + "test_what_if.py::test_a_new_resource_is_created",
    6: _ARM + "test_what_if.py::test_a_resource_outside_the_template_is_ignored_or_in_complete_mode_deleted",
    7: _ARM + "test_what_if.py::test_a_resource_outside_the_template_is_ignored_or_in_complete_mode_deleted",
    8: _ARM + "test_what_if.py::test_defaults_that_the_template_leaves_out_are_carried_over",
    9: _ARM + "test_what_if.py::test_defaults_may_look_created",
    10: _ARM + "test_what_if.py::test_arrays_are_compared_place_by_place",
    11: _ARM + "test_what_if_ahead.py::test_secrets_and_times_stay_expressions_and_look_modified",
    12: _ARM + "test_scopes.py::test_what_if_tells_of_the_group_and_of_what_is_in_it",
    13: _ARM + "test_scopes.py::test_what_if_tells_of_the_group_and_of_what_is_in_it",
    14: _ARM + "test_deployment_shapes.py::test_a_body_is_taken_as_its_author_wrote_it_and_errors_have_its_places",
    15: _ARM + "test_deployments.py::test_a_deployment_runs_for_as_long_as_its_longest_chain",
    16: _ARM + "test_deployment_shapes.py::test_nulls_are_shown_by_the_put_and_left_out_by_the_get",
    17: _ARM + "test_scopes.py::test_a_subscription_gets_a_group_and_what_is_in_it",
    18: _ARM + "test_deployments.py::test_a_deployment_runs_for_as_long_as_its_longest_chain",
    19: _ARM + "test_deployment_shapes.py::test_names_of_outputs",
    20: _ARM + "test_scopes.py::test_a_subscription_gets_a_group_and_what_is_in_it",
    21: _ARM + "test_deployment_shapes.py::test_a_template_is_known_by_its_compilers_hash_or_by_its_text",
    22: _ARM + "test_deployments.py::test_reading_listing_and_deleting",
    23: _ARM + "test_deployments.py::test_reading_listing_and_deleting",
    24: _ARM + "test_deployment_shapes.py::test_a_late_cancellation_tells_why",
    25: _ARM + "test_deployment_shapes.py::test_the_evaluation_of_the_outputs_comes_last_under_the_number_that_is_polled",
    27: _ARM + "test_deployment_shapes.py::test_how_a_refusal_is_quoted",
    28: _ARM + "test_deployment_shapes.py::test_how_a_refusal_is_quoted",
    29: _ARM + "test_deployments.py::test_a_failure_keeps_what_was_made_and_undoes_what_was_refused",
    30: _ARM + "test_deployment_shapes.py::test_how_a_refusal_is_quoted",
    31: _ARM + "test_deployment_shapes.py::test_a_body_is_taken_as_its_author_wrote_it_and_errors_have_its_places",
    32: _ARM + "test_preflight.py::test_a_provider_refuses_before_anything_is_made",
    33: _ARM + "test_gateway.py::test_a_group_takes_everything_with_it",
    34: _ARM + "test_gateway.py::test_the_gateways_own_refusals_say_so",
    35: _ARM + "test_locks.py::test_a_group_is_not_deleted_where_a_lock_is_above_at_or_below_it",
    36: "tests/emulator/subscription/test_policies.py::test_a_denied_resource_is_refused_in_azures_words",
    37: _ARM + "test_registrations.py::test_a_provider_must_be_registered_and_that_takes_a_while",
    38: _ARM + "test_role_assignments.py::test_a_condition_is_kept_and_takes_the_right_to_give_roles_away",
    39: _ARM + "test_role_assignments.py::test_the_same_assignment_again_keeps_when_it_was_made",
    40: _ARM + "test_role_assignments.py::test_an_assignment_is_made_and_works",
    41: _ARM + "test_role_assignments.py::test_one_assignment_has_one_name_and_one_name_one_assignment",
    42: _ARM + "test_role_assignments.py::test_an_assignment_that_cannot_be",
    43: _ARM + "test_role_assignments.py::test_deleting",
    44: _ARM + "test_role_assignments.py::test_assignments_are_listed_at_above_and_below",
    45: _ARM + "test_role_assignments.py::test_an_assignment_that_cannot_be",
    46: _ARM + "test_gateway.py::test_a_group_takes_everything_with_it",
    47: _ARM + "test_locks.py::test_a_lock_is_made_changed_listed_and_removed",
    48: _VAULTS + "test_keyvault_routes.py::test_a_vault_that_knows_roles_needs_no_policies",
    49: _VAULTS + "test_keyvault_deleted_vaults.py::test_purge",
    50: _ARM + "test_gateway.py::test_a_group_takes_everything_with_it",
}
"""By the number of the sentence: the test that fails where the embedded Azure stops being so.

Most are also held by the replay of the recording that the sentence names.
"""

NOT_HELD = {
    26: "no answer of the embedded Azure names its correlation in a header, so that there is nothing for it to be the same as",
}
"""By the number of the sentence: why no test holds it."""
