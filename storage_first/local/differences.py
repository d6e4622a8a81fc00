"""Where the local cloud deploys what an app asks for, and yet does not do all that AWS would."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Resource: TypeAlias = Mapping[str, Any]

_RUNTIME: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"


def differences(resources: Iterable[Resource]) -> Sequence[str]:
    """What is different for these resources, in sentences a reader can act on."""
    resources = list(resources)
    return [text for applies, text in _DIFFERENCES if any(applies(resource) for resource in resources)]


def _is(*kinds: str) -> Callable[[Resource], bool]:
    return lambda resource: resource.get("Type") in kinds


def _has(kind: str, *properties: str) -> Callable[[Resource], bool]:
    return lambda resource: (
        resource.get("Type") == kind and any(name in resource.get("Properties", {}) for name in properties)
    )


def _other_python(resource: Resource) -> bool:
    runtime = str(resource.get("Properties", {}).get("Runtime", ""))
    return resource.get("Type") == "AWS::Lambda::Function" and runtime.startswith("python") and runtime != _RUNTIME


def _defines(*words: str) -> Callable[[Resource], bool]:
    def applies(resource: Resource) -> bool:
        definition = json.dumps(resource.get("Properties", {}))
        return resource.get("Type") == "AWS::StepFunctions::StateMachine" and any(word in definition for word in words)

    return applies


def _websocket(resource: Resource) -> bool:
    is_api = resource.get("Type") == "AWS::ApiGatewayV2::Api"
    return is_api and resource.get("Properties", {}).get("ProtocolType") == "WEBSOCKET"


def _target_settings(resource: Resource) -> bool:
    targets = resource.get("Properties", {}).get("Targets", [])
    return resource.get("Type") == "AWS::Events::Rule" and any(
        "DeadLetterConfig" in target or "RetryPolicy" in target for target in targets
    )


_DIFFERENCES: Final[Sequence[tuple[Callable[[Resource], bool], str]]] = (
    (_is("AWS::IAM::Role", "AWS::IAM::Policy"), "IAM: every call is allowed, whatever the policies say"),
    (_other_python, f"Lambda: functions run on {_RUNTIME}, with the packages of this environment beside theirs"),
    (_has("AWS::Lambda::Function", "MemorySize"), "Lambda: memory is not limited"),
    (_has("AWS::Lambda::Function", "TracingConfig"), "X-Ray: nothing is traced"),
    (_has("AWS::StepFunctions::StateMachine", "LoggingConfiguration"), "Step Functions: executions are not logged"),
    (_has("AWS::ApiGateway::Stage", "AccessLogSetting"), "API Gateway: access logs go to a file; no metrics are kept"),
    (
        _websocket,
        "API Gateway: WebSocket connections are not logged, and last for ever; domainName in events is no address",
    ),
    (_is("AWS::Pipes::Pipe"), "Pipes: only DynamoDB streams to Step Functions or SNS, without filters and templates"),
    (
        _is("AWS::CloudWatch::Alarm"),
        "CloudWatch: alarms look at a metric when it is put, ignore dimensions and missing data, and tell no event bus",
    ),
    (_is("AWS::Logs::MetricFilter"), "CloudWatch: metric filters count nothing"),
    (_is("AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation"), "WAF: no request is inspected"),
    (
        _has("AWS::Kinesis::Stream", "MaxRecordSizeInKiB"),
        "Kinesis: records of more than 1 MiB are refused, whatever the stream's MaxRecordSizeInKiB",
    ),
    (
        _has("AWS::Lambda::EventSourceMapping", "TumblingWindowInSeconds"),
        "Lambda: an event source mapping keeps no state over a tumbling window",
    ),
    (_target_settings, "EventBridge: a target's own retry policy and dead-letter queue are not heeded"),
    (
        _defines("DISTRIBUTED"),
        "Step Functions: a Distributed Map heeds no JSONata Items, ItemSelector, ItemBatcher or ResultWriter",
    ),
    (
        _defines(
            ":::http:invoke", "aws-sdk:appconfigdata", "aws-sdk:scheduler", "aws-sdk:apigatewaymanagementapi",
            "aws-sdk:pipes", "aws-sdk:lambda:invoke", "aws-sdk:lambda:updateEventSourceMapping",
        ),
        "Step Functions: http:invoke and some aws-sdk integrations of this app fail with States.Runtime",
    ),
    (
        _is("AWS::AppConfig::ConfigurationProfile"),
        "AppConfig: validators are not run, and rules with several variants are not evaluated",
    ),
)  # fmt: skip
