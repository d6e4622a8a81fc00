import json

import pytest
from websockets.sync.client import connect

from tests.local.sides import unique

ECHO = """
import json, os

def handler(event, context):
    body = json.loads(event.get("body") or "{}")
    if body.get("action") == "fail":
        raise ValueError("the password is swordfish")
    return {"statusCode": 200, "body": os.environ.get("ADDRESS", "no address")}
"""
STAGE = "live"


def api(side, **environment):
    """Deploy a WebSocket API whose route `asked` has a route response; return its address and its id."""
    function = side.function(ECHO)
    route = {"ApiId": {"Ref": "Api"}, "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "Integration"}]]}}
    resources = {
        "Api": v2("Api", Name=unique("api"), ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"),
        "Stage": v2("Stage", ApiId={"Ref": "Api"}, StageName=STAGE, AutoDeploy=True),
        "Integration": v2(
            "Integration",
            ApiId={"Ref": "Api"},
            IntegrationType="AWS_PROXY",
            IntegrationUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations",
        ),
        "Unasked": v2("Route", **route, RouteKey="$default"),
        "Asked": v2("Route", **route, RouteKey="asked", RouteResponseSelectionExpression="$default"),
    }
    api_id = side.stack(resources)("Api")
    if environment:
        variables = {name: value.format(id=api_id) for name, value in environment.items()}
        side.lambda_.update_function_configuration(FunctionName=function, Environment={"Variables": variables})
    return f"{side.endpoint.replace('http', 'ws')}/_aws/execute-api/{api_id}/{STAGE}", api_id


def v2(kind, **properties):
    return {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": properties}


def answers(address, *actions):
    """What a client is sent after these messages, until the answer to a last one that has one."""
    heard = []
    with connect(address) as socket:
        for action in actions:
            socket.send(json.dumps({"action": action}))
        while len(heard) == 0 or heard[-1] != "no address":
            heard.append(socket.recv(timeout=20))
    return heard


def route_response():
    return {
        "Api": v2("Api", Name=unique("api"), ProtocolType="WEBSOCKET"),
        "Route": v2("Route", ApiId={"Ref": "Api"}, RouteKey="$default", RouteResponseSelectionExpression="$default"),
        "Answer": v2("RouteResponse", ApiId={"Ref": "Api"}, RouteId={"Ref": "Route"}, RouteResponseKey="$default"),
    }


def test_the_bare_emulator_refuses_route_responses(bare):
    with pytest.raises(bare.cloudformation.exceptions.ClientError, match="RouteResponse"):
        bare.stack(route_response())


def test_route_responses_are_deployed(closed):
    assert closed.stack(route_response())("Answer")


def test_the_bare_emulator_answers_on_every_route_and_tells_of_exceptions(bare):
    address, _ = api(bare)

    assert answers(address, "unasked")[0] == "no address"
    assert "swordfish" in answers(address, "fail", "unasked")[0]


def test_a_route_answers_if_it_has_a_route_response(closed):
    address, _ = api(closed)

    assert answers(address, "unasked", "unasked", "asked") == ["no address"]


def test_a_function_that_fails_is_an_internal_error(closed):
    address, _ = api(closed)

    told, _ = answers(address, "fail", "asked")

    assert json.loads(told).keys() == {"message", "connectionId", "requestId"}
    assert json.loads(told)["message"] == "Internal server error"


def address_told(side, given):
    address, api_id = api(side, ADDRESS=given)
    with connect(address) as socket:
        socket.send(json.dumps({"action": "asked"}))
        return socket.recv(timeout=20), api_id


def test_the_bare_emulator_sends_functions_to_aws(bare):
    told, api_id = address_told(bare, "https://{id}.execute-api.us-east-1.amazonaws.com/live")

    assert told == f"https://{api_id}.execute-api.us-east-1.amazonaws.com/live"


@pytest.mark.parametrize(("scheme", "here"), [("https", "http"), ("wss", "ws")])
def test_a_function_is_told_where_its_websocket_api_is(closed, scheme, here):
    told, api_id = address_told(closed, scheme + "://{id}.execute-api.us-east-1.amazonaws.com/live")

    port = closed.endpoint.rpartition(":")[2]
    assert told == f"{here}://127.0.0.1:{port}/_aws/execute-api/{api_id}/live"


def test_addresses_of_other_apis_stay_as_they_are(closed):
    other = "https://0123abcd.execute-api.us-east-1.amazonaws.com/live"

    told, _ = address_told(closed, other)

    assert told == other
