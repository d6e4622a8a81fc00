"""Service integrations before the real emulator: what arrives there, and what comes back."""

import base64
import json

import pytest

from storage_first.local.front import Backends
from tests.local.front.rest import Front, Fronts, Props, Template, answering, service
from tests.local.sides import Side, eventually, unique

BAD = answering("4\\d{2}", "400", ResponseTemplates={"application/json": "$input.path('$.__type')"})


@pytest.fixture
def serve(fronts: Fronts, closed: Side):
    """Serves one `POST /x` before the emulator."""

    def serve(integration: Props) -> Front:
        return fronts.before(Backends(closed.endpoint), Template().method("POST /x", integration))

    return serve


def test_an_item_is_written_and_a_refused_write_says_why(closed: Side, serve):
    table = unique("table")
    closed.dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    template = (
        f'{{"TableName": "{table}", "Item": $input.json("$"), "ConditionExpression": "attribute_not_exists(pk)"}}'
    )
    front = serve(service("dynamodb:action/PutItem", template, responses=[answering("", "202"), BAD]))

    answers = [front("POST /x", json=item) for item in ({"pk": {"S": "1"}}, {"pk": {"S": "1"}}, {"pk": {"N": "1"}})]

    assert [answer.status_code for answer in answers] == [202, 400, 400]
    assert answers[1].text.endswith("#ConditionalCheckFailedException")
    assert answers[2].text.endswith("#ValidationException")
    assert closed.dynamodb.get_item(TableName=table, Key={"pk": {"S": "1"}})["Item"] == {"pk": {"S": "1"}}


@pytest.mark.parametrize("form", ["path", "action"])
def test_a_message_is_sent_and_an_absent_queue_says_so(closed: Side, serve, form: str):
    queue = unique("queue")
    url = closed.sqs.create_queue(QueueName=queue)["QueueUrl"]
    headers = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    message = "MessageBody=$util.urlEncode($input.body)"
    answer = answering("", "202", ResponseTemplates={"application/json": "$input.json('$.SendMessageResponse')"})
    integrations = {
        "path": (f"sqs:path/000000000000/{queue}", f"Action=SendMessage&{message}"),
        "action": ("sqs:action/SendMessage", f"QueueUrl=$util.urlEncode('{url}')&{message}"),
    }
    front = serve(service(*integrations[form], RequestParameters=headers, responses=[answer]))
    absent = serve(
        service("sqs:path/000000000000/absent", "Action=SendMessage&MessageBody=x", RequestParameters=headers)
    )

    accepted, refused = front("POST /x", content="a&b=é"), absent("POST /x")

    (received,) = closed.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert received["Body"] == "a&b=é"
    assert accepted.json()["SendMessageResult"]["MessageId"] == received["MessageId"]
    assert refused.json()["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_record_is_put(closed: Side, serve):
    stream = unique("stream")
    closed.kinesis.create_stream(StreamName=stream, ShardCount=1)
    template = f'{{"StreamName": "{stream}", "PartitionKey": "k", "Data": "$util.base64Encode($input.body)"}}'
    front = serve(service("kinesis:action/PutRecord", template))

    answer = front("POST /x", content='{"é": 1}')

    shard = closed.kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    iterator = closed.kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    (record,) = closed.kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert record["Data"].decode() == '{"é": 1}'
    assert record["SequenceNumber"] == answer.json()["SequenceNumber"]


def test_an_event_is_put(closed: Side, serve):
    queue = closed.sqs.create_queue(QueueName=unique("events"))["QueueUrl"]
    arn = closed.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule, source = unique("rule"), unique("source")
    closed.events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    closed.events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])
    detail = '"DetailType": "Made", "Detail": "$util.escapeJavaScript($input.body)"'
    headers = {"integration.request.header.X-Amz-Target": "'AWSEvents.PutEvents'"}
    entries = f'{{"Entries": [{{"Source": "{source}", {detail}}}]}}'
    front = serve(service("events:action/PutEvents", entries, RequestParameters=headers))

    answer = front("POST /x", json={"a": "é"})

    (message,) = closed.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert answer.json()["FailedEntryCount"] == 0
    assert json.loads(message["Body"])["detail"] == {"a": "é"}


def test_an_execution_is_started(closed: Side, serve):
    machine = closed.machine({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}})
    template = f'{{"stateMachineArn": "{machine}", "input": "$util.escapeJavaScript($input.body)"}}'
    front = serve(service("states:action/StartExecution", template))

    execution = front("POST /x", json={"a": 1}).json()["executionArn"]

    described = eventually(lambda: _succeeded(closed, execution), why="the execution")
    assert json.loads(described["output"]) == {"a": 1}


def _succeeded(side: Side, execution: str) -> Props | None:
    described = side.stepfunctions.describe_execution(executionArn=execution)
    return described if described["status"] == "SUCCEEDED" else None


def test_a_notification_is_published(closed: Side, serve):
    topic = closed.sns.create_topic(Name=unique("topic"))["TopicArn"]
    template = f"Action=Publish&TopicArn=$util.urlEncode('{topic}')&Message=$util.urlEncode($input.body)"
    headers = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
    front = serve(service("sns:path//", template, RequestParameters=headers))

    answer = front("POST /x", content="hi")

    assert answer.json()["PublishResponse"]["PublishResult"]["MessageId"]


def test_an_object_is_put_and_an_absent_bucket_says_so(closed: Side, fronts: Fronts, serve):
    bucket = unique("bucket")
    closed.s3.create_bucket(Bucket=bucket)
    parameters = {"integration.request.path.key": "method.request.querystring.key"}
    answer = answering(
        "", "201", ResponseParameters={"method.response.header.ETag": "integration.response.header.ETag"}
    )
    responses = [answer, answering("404", "404")]
    put = {"IntegrationHttpMethod": "PUT", "RequestParameters": parameters, "responses": responses}
    template = Template(BinaryMediaTypes=["image/*"]).method("POST /x", service(f"s3:path/{bucket}/{{key}}", **put))
    front = fronts.before(Backends(closed.endpoint), template)
    absent = serve(service("s3:path/absent-bucket/{key}", **put))

    image = {"content": b"\x89data", "headers": {"Content-Type": "image/png"}}
    stored, refused = front("POST /x?key=a%20b%2Fc", **image), absent("POST /x?key=a")

    item = closed.s3.get_object(Bucket=bucket, Key="a b/c")
    assert item["Body"].read() == b"\x89data"
    assert stored.headers["etag"] == item["ETag"]
    assert refused.status_code == 404


FUNCTION = """
def handler(event, context):
    if "fail" in event:
        raise ValueError("not found: 7")
    return {"got": event}
"""


def function_uri(arn: str) -> str:
    return f"lambda:path/2015-03-31/functions/{arn}/invocations"


def test_a_function_is_invoked_and_its_error_selected(closed: Side, serve):
    arn = closed.function(FUNCTION)
    responses = [answering("", "200"), answering("not found: .*", "404")]
    front = serve(service(function_uri(arn), '{"sent": $input.json("$")}', responses=responses))
    failing = serve(service(function_uri(arn), '{"fail": true}', responses=responses))

    good, bad = front("POST /x", json={"a": 1}), failing("POST /x")

    assert (good.status_code, good.json()) == (200, {"got": {"sent": {"a": 1}}})
    assert (bad.status_code, bad.json()["errorMessage"]) == (404, "not found: 7")


AUTHORIZER = """
def handler(event, context):
    if event["authorizationToken"] == "unknown":
        raise Exception("Unauthorized")
    effect = "Allow" if event["authorizationToken"] == "good" else "Deny"
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
    return {"principalId": "ada", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""


def test_an_authorizers_function_decides(closed: Side, fronts: Fronts):
    arn = closed.function(AUTHORIZER)
    template = Template().part(
        "Auth", "Authorizer", Type="TOKEN", AuthorizerUri=f"arn:aws:apigateway:us-east-1:{function_uri(arn)}"
    )
    template.method("GET /x", AuthorizationType="CUSTOM", AuthorizerId={"Ref": "Auth"})
    front = fronts.before(Backends(closed.endpoint), template)

    answers = [front("GET /x", headers={"Authorization": who}).status_code for who in ("good", "bad", "unknown")]

    assert answers == [200, 403, 401]


def test_a_proxied_function_gets_the_event_and_gives_the_response(closed: Side, fronts: Fronts):
    source = """
import base64
def handler(event, context):
    body = base64.b64encode(event["body"].encode()).decode()
    headers = {"X-Id": event["pathParameters"]["id"]}
    return {"statusCode": 201, "body": body, "isBase64Encoded": True, "headers": headers}
"""
    uri = f"arn:aws:apigateway:us-east-1:{function_uri(closed.function(source))}"
    proxy = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri}
    template = Template(BinaryMediaTypes=["*/*"]).method("POST /x/{id}", proxy)
    front = fronts.before(Backends(closed.endpoint), template)

    answer = front("POST /x/7", content="hello")

    assert (answer.status_code, answer.headers["x-id"]) == (201, "7")
    assert base64.b64decode(answer.text) == b"hello"


def test_a_function_that_takes_longer_than_its_integration_is_504(closed: Side, fronts: Fronts):
    source = "import time\ndef handler(event, context):\n    time.sleep(5)\n"
    uri = f"arn:aws:apigateway:us-east-1:{function_uri(closed.function(source))}"
    proxy = {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri, "TimeoutInMillis": 200}
    front = fronts.before(Backends(closed.endpoint), Template().method("GET /x", proxy))

    answer = front("GET /x")

    assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})
