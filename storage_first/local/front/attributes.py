"""Attributes that follow from a resource's type and physical id.

CloudFormation tells the physical ids of a stack's resources, but not their attributes. Those that a REST API uses
are all made of the id, the account and the Region.
"""

from collections.abc import Mapping

# `{name}` is the last part of an id that is an ARN or a URL.
_TEMPLATES: Mapping[str, Mapping[str, str]] = {
    "AWS::ApiGateway::ApiKey": {"APIKeyId": "{id}"},
    "AWS::ApiGateway::Authorizer": {"AuthorizerId": "{id}"},
    "AWS::ApiGateway::Deployment": {"DeploymentId": "{id}"},
    "AWS::ApiGateway::RequestValidator": {"RequestValidatorId": "{id}"},
    "AWS::ApiGateway::Resource": {"ResourceId": "{id}"},
    "AWS::ApiGateway::RestApi": {"RestApiId": "{id}", "RootResourceId": "{id}-root"},
    "AWS::ApiGateway::UsagePlan": {"Id": "{id}"},
    "AWS::Cognito::UserPool": {
        "Arn": "arn:aws:cognito-idp:{region}:{account}:userpool/{id}",
        "ProviderName": "cognito-idp.{region}.amazonaws.com/{id}",
        "ProviderURL": "https://cognito-idp.{region}.amazonaws.com/{id}",
        "UserPoolId": "{id}",
    },
    "AWS::DynamoDB::GlobalTable": {"Arn": "arn:aws:dynamodb:{region}:{account}:table/{id}"},
    "AWS::DynamoDB::Table": {"Arn": "arn:aws:dynamodb:{region}:{account}:table/{id}"},
    "AWS::Events::EventBus": {"Arn": "arn:aws:events:{region}:{account}:event-bus/{id}", "Name": "{id}"},
    "AWS::IAM::Role": {"Arn": "arn:aws:iam::{account}:role/{id}"},
    "AWS::Kinesis::Stream": {"Arn": "arn:aws:kinesis:{region}:{account}:stream/{id}"},
    "AWS::KinesisFirehose::DeliveryStream": {"Arn": "arn:aws:firehose:{region}:{account}:deliverystream/{id}"},
    "AWS::Lambda::Alias": {"AliasArn": "{id}"},
    "AWS::Lambda::Function": {"Arn": "arn:aws:lambda:{region}:{account}:function:{id}"},
    "AWS::Lambda::Version": {"FunctionArn": "{id}", "Version": "{name}"},
    "AWS::Logs::LogGroup": {"Arn": "arn:aws:logs:{region}:{account}:log-group:{id}:*"},
    "AWS::S3::Bucket": {
        "Arn": "arn:aws:s3:::{id}",
        "DomainName": "{id}.s3.amazonaws.com",
        "RegionalDomainName": "{id}.s3.{region}.amazonaws.com",
    },
    "AWS::SNS::Topic": {"TopicArn": "{id}", "TopicName": "{name}"},
    "AWS::SQS::Queue": {
        "Arn": "arn:aws:sqs:{region}:{account}:{name}",
        "QueueName": "{name}",
        "QueueUrl": "{id}",
    },
    "AWS::StepFunctions::StateMachine": {"Arn": "{id}", "Name": "{name}"},
}


def derived_attribute(resource_type: str, attribute: str, *, physical_id: str, region: str, account: str) -> str | None:
    """Tell what `Fn::GetAtt` gives for `attribute`, or None where that cannot be derived."""
    template = _TEMPLATES.get(resource_type, {}).get(attribute)
    if template is None:
        return None
    name = physical_id.rpartition("/")[2].rpartition(":")[2]
    return template.format(id=physical_id, name=name, region=region, account=account)
