"""The outputs of a deployment."""

from __future__ import annotations

from typing import Any

from dpsops.emulator.arm.template.evaluator import Evaluator
from dpsops.emulator.arm.template.parameters import Parameter
from dpsops.emulator.arm.template.place import Place
from dpsops.emulator.arm.template.template import Template, where
from dpsops.emulator.arm.template.values import TemplateError
from dpsops.emulator.documents import JSON
from dpsops.emulator.http import Refusal
from dpsops.emulator.resource_provider.errors import error, refused_error

_CODE = "DeploymentOutputEvaluationFailed"


def evaluate_outputs(evaluator: Evaluator, template: Template, place: Place) -> tuple[JSON, JSON | None]:
    """The outputs as a deployment shows them, secure ones without their value; or an ARM error that names those that fail."""
    outputs, wrong = {}, []
    for name, declaration in template.outputs.items():
        try:
            if evaluator.value(declaration.get("condition", True), place) is True:
                outputs[name] = _evaluate(evaluator, template, name, declaration, place)
        except TemplateError as failed:
            wrong.append(error(_CODE, f"The template output '{name}' is not valid: {failed}") | {"target": name})
        except Refusal as refused:
            reason = refused_error(refused)["message"]
            wrong.append(error(_CODE, f"The template output '{name}' is not valid: {reason}") | {"target": name})
    if not wrong:
        return outputs, None
    names = ",".join(each["target"] for each in wrong)
    message = (
        f"Unable to evaluate template outputs: '{names}'. Please see error details and deployment operations. "
        "Please see https://aka.ms/arm-common-errors for usage details."
    )
    return {}, error(_CODE, message, wrong)


def check_outputs(evaluator: Evaluator, template: Template, place: Place) -> None:
    """Raises `TemplateError` for an output that can never be evaluated. Whether it has its type is only seen at the end."""
    for name, declaration in template.outputs.items():
        try:
            if evaluator.value(declaration.get("condition", True), place) is not False:
                _read(template, name, declaration)
                _value(evaluator, declaration, place)
        except TemplateError as wrong:
            raise TemplateError(f"The template output '{name}' is not valid: {wrong}") from wrong


def _evaluate(evaluator: Evaluator, template: Template, name: str, declaration: JSON, place: Place) -> JSON:
    declared = _read(template, name, declaration)
    value = _value(evaluator, declaration, place)
    return declared.show(declared.resolve({name.lower(): {"value": value}}, default=lambda each: each))


def _read(template: Template, name: str, declaration: JSON) -> Parameter:
    if template.definitions is None:
        declaration = {"type": declaration.get("type", "")}
    return Parameter.read(name, declaration, where(template.source, template.written, "outputs", name), template.definitions)


def _value(evaluator: Evaluator, declaration: JSON, place: Place) -> Any:
    loop = declaration.get("copy")
    if loop:
        return [evaluator.value(loop["input"], turn) for turn in evaluator.turns(loop["count"], "", place)]
    return evaluator.value(declaration.get("value"), place)
