"""What must agree, by its name: each yields a sentence for every name that only one side has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from one_truth import codes, contract, explained, limits, shown
from one_truth.trees import EditedTree

AGREEMENTS: Mapping[str, Callable[[EditedTree], Iterator[str]]] = {
    "actions and params": contract.actions_and_params,
    "the words of the prompts": contract.words_of_the_prompts,
    "the words of the menu": contract.words_of_the_menu,
    "what the gates read of a proposal": contract.what_the_gates_read,
    "fields that the manager is shown": shown.manager_fields,
    "fields that the explainer is shown": explained.explainer_fields,
    "what the explainer may ask": explained.questions,
    "what a record holds": explained.record_fields,
    "what answers without a model read": explained.what_the_templates_read,
    "what numbers are called in answers": explained.fields_of_answers,
    "limits": limits.limits_and_settings,
    "settings": limits.settings_and_files,
    "denials and their facts": codes.denials,
    "failures": codes.failures,
    "codes and settings in prose": codes.names_in_prose,
}
