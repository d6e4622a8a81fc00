"""A copy of the app's cloud assembly that the emulator can deploy.

What the emulator does not know is taken out of the copy and named; the app's own synth stays as it is.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from storage_first.local.aws import ACCOUNT, REGION
from storage_first.local.errors import LocalCloudError

# They need an SDK in their Node handlers that the emulator does not ship, and fail or hang: nothing would be deployed.
_HANGING: Final = ("Custom::AWS", "Custom::CDKBucketDeployment", "Custom::LogRetention", "Custom::S3AutoDeleteObjects")
# The emulator knows the type, but fails to create it.
_METRIC_MATH: Final = "AWS::CloudWatch::Alarm with metric math"
_QUALIFIER: Final = re.compile(r"/cdk-bootstrap/(?P<qualifier>[^/]+)/version")
_HERE: Final = frozenset({f"aws://{ACCOUNT}/{REGION}", "aws://unknown-account/unknown-region"}) | {
    f"aws://{ACCOUNT}/unknown-region",
    f"aws://unknown-account/{REGION}",
}

Template: TypeAlias = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack of the assembly.

    Attributes:
        name: Its name in CloudFormation.
        template: The file that holds its template.
        environment: The account and Region that it is bound to.
        qualifier: The bootstrap qualifier that it needs, if any.
    """

    name: str
    template: Path
    environment: str
    qualifier: str | None


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A copied assembly, ready to be deployed.

    Attributes:
        directory: Where the copy is.
        stacks: Its stacks, those of stages included.
        templates: All templates by file, those of nested stacks included, as they will be deployed.
        removed: What was taken out: the resource's type by its logical id.
    """

    directory: Path
    stacks: Sequence[Stack]
    templates: Mapping[Path, Template]
    removed: Sequence[tuple[str, str]] = field(default_factory=tuple)

    def resources(self) -> Iterator[Mapping[str, Any]]:
        """Every resource that will be deployed."""
        for template in self.templates.values():
            yield from template.get("Resources", {}).values()


def prepare(source: Path, target: Path, unsupported: Callable[[Sequence[str]], Sequence[str]]) -> Assembly:
    """Copy the assembly in `source` to `target`, without what the emulator cannot deploy.

    Args:
        source: The directory that the app was synthesized to; it is left as it is.
        target: Where the copy goes.
        unsupported: Tells which of the given resource types the emulator does not know.

    Raises:
        LocalCloudError: If a stack is bound to another account or Region, or needs a lookup in an account.
    """
    shutil.copytree(source, target, symlinks=True)
    stacks = list(_stacks(target))
    for stack in stacks:
        if stack.environment not in _HERE:
            raise LocalCloudError(
                f"Stack {stack.name} is bound to {stack.environment}, but the local cloud is aws://{ACCOUNT}/{REGION}: "
                "take its env from CDK_DEFAULT_ACCOUNT and CDK_DEFAULT_REGION."
            )
    templates = {path: json.loads(path.read_text()) for path in sorted(target.rglob("*.template.json"))}
    types = sorted(_types(templates.values()) - {_METRIC_MATH})
    unknown = {*unsupported(types), *_HANGING, _METRIC_MATH}
    removed = []
    for path, template in templates.items():
        gone = {logical_id: kind for logical_id, kind in _kinds(template) if kind in unknown}
        if gone:
            removed += [(kind, logical_id) for logical_id, kind in gone.items()]
            templates[path] = without(template, frozenset(gone))
            path.write_text(json.dumps(templates[path], indent=1))
    return Assembly(directory=target, stacks=stacks, templates=templates, removed=sorted(removed))


def without(template: Template, gone: frozenset[str]) -> Template:
    """`template` without the resources named in `gone`, and without what only they need.

    Outputs that tell of them go too, unless another stack imports them. Whoever else refers to one of them gets
    a name in its place that says what is missing, so that the rest can be deployed.
    """
    resources = {
        logical_id: {**_replace(resource, gone), **_depends_on(resource, gone)}
        for logical_id, resource in template.get("Resources", {}).items()
        if logical_id not in gone
    }
    for logical_id, resource in resources.items():
        if resource.get("DependsOn") == []:
            resources[logical_id] = {key: value for key, value in resource.items() if key != "DependsOn"}
    outputs = {
        logical_id: _replace(output, gone)
        for logical_id, output in template.get("Outputs", {}).items()
        if "Export" in output or _replace(output, gone) == output
    }
    rest = {key: value for key, value in template.items() if key not in {"Resources", "Outputs"}}
    return {**rest, "Resources": resources, **({"Outputs": outputs} if outputs else {})}


def _depends_on(resource: Mapping[str, Any], gone: frozenset[str]) -> dict[str, Any]:
    names = resource.get("DependsOn")
    if names is None:
        return {}
    return {"DependsOn": [name for name in ([names] if isinstance(names, str) else names) if name not in gone]}


def _replace(value: Any, gone: frozenset[str]) -> Any:  # noqa: ANN401 - a template holds any JSON
    if isinstance(value, list):
        return [_replace(item, gone) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (function, argument), *_ = value.items()
        if function == "Ref" and argument in gone:
            return _missing(argument)
        if function == "Fn::GetAtt":
            logical_id, _, attribute = (
                argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
            )
            return _missing(logical_id, attribute) if logical_id in gone else value
        if function == "Fn::Sub":
            return {"Fn::Sub": _replace_in_text(argument, gone)}
    return {key: _replace(item, gone) for key, item in value.items()}


def _replace_in_text(argument: Any, gone: frozenset[str]) -> Any:  # noqa: ANN401 - a string, or a string and a map
    text, variables = (argument, {}) if isinstance(argument, str) else argument

    def missing(match: re.Match[str]) -> str:
        logical_id, _, attribute = match["name"].partition(".")
        return _missing(logical_id, attribute) if logical_id in gone and match["name"] not in variables else match[0]

    replaced = re.sub(r"\$\{(?P<name>[A-Za-z0-9.:]+)\}", missing, text)
    return replaced if isinstance(argument, str) else [replaced, _replace(variables, gone)]


def _missing(logical_id: str, attribute: str | object = "") -> str:
    if str(attribute).endswith("Arn"):
        return f"arn:aws:not-emulated:{REGION}:{ACCOUNT}:{logical_id}"
    return f"not-emulated-{logical_id}"


def _kinds(template: Template) -> Iterator[tuple[str, str]]:
    for logical_id, resource in template.get("Resources", {}).items():
        yield logical_id, _kind(resource)


def _kind(resource: Mapping[str, Any]) -> str:
    kind = str(resource.get("Type"))
    computed = kind == "AWS::CloudWatch::Alarm" and "Metrics" in resource.get("Properties", {})
    return _METRIC_MATH if computed else kind


def _types(templates: Any) -> set[str]:  # noqa: ANN401 - values of a mapping
    return {kind for template in templates for _, kind in _kinds(template)}


def _stacks(directory: Path) -> Iterator[Stack]:
    manifest = json.loads((directory / "manifest.json").read_text())
    if manifest.get("missing"):
        looked_up = ", ".join(sorted({str(entry["provider"]) for entry in manifest["missing"]}))
        raise LocalCloudError(
            f"The app looks something up in an AWS account ({looked_up}), which the local cloud cannot do: "
            "run cdk synth against the account once, and keep cdk.context.json."
        )
    for logical_id, artifact in manifest.get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(directory / properties["directoryName"])
        elif artifact["type"] == "aws:cloudformation:stack":
            qualifier = _QUALIFIER.fullmatch(properties.get("bootstrapStackVersionSsmParameter", ""))
            yield Stack(
                name=properties.get("stackName", logical_id),
                template=directory / properties["templateFile"],
                environment=artifact["environment"],
                qualifier=qualifier and qualifier["qualifier"],
            )
