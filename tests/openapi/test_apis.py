import pytest

from storage_first.openapi import OpenApiError, choose, read_apis
from tests.openapi.conftest import Rest


def test_an_app_without_a_storage_first_api_is_told_so(assembly):
    plain = {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "plain"}}}
    assembly.add("Plain", plain)

    with pytest.raises(OpenApiError, match="The app has no StorageFirstApi"):
        choose(assembly.apis())


def test_several_apis_are_listed(assembly, rest):
    assembly.add("Orders", rest.resources)
    assembly.add("Returns", Rest("Returns API").resources)

    with pytest.raises(
        OpenApiError, match=r"several StorageFirstApis: Orders/Api, Returns/Api\. Choose one with --api"
    ):
        choose(assembly.apis())


@pytest.mark.parametrize("choice", [{"api": "Returns/Api"}, {"stack": "Returns"}, {"stack": "Returns", "api": "Api"}])
def test_one_of_several_is_chosen(assembly, rest, choice):
    assembly.add("Orders", rest.resources)
    assembly.add("Returns", Rest("Returns API").resources)

    assert choose(assembly.apis(), **choice).address == "Returns/Api"


def test_an_api_that_is_not_there_is_named_beside_those_that_are(assembly, rest):
    assembly.add("Orders", rest.resources)

    with pytest.raises(OpenApiError, match=r"No StorageFirstApi of the app fits --api Retruns: there is Orders/Api"):
        choose(assembly.apis(), api="Retruns")


def test_a_directory_that_is_no_assembly_is_named(tmp_path):
    with pytest.raises(OpenApiError, match=rf"{tmp_path} is no cloud assembly: run cdk synth"):
        read_apis(tmp_path)


def test_routes_in_another_stack_belong_to_the_api(assembly, rest):
    rest.method("GET", "/orders")
    method = rest.resources.pop("MethodGET/orders")
    exports = {
        "Api": {"Value": {"Ref": "Api"}, "Export": {"Name": "the-api"}},
        "Orders": {"Value": {"Ref": "Resource/orders"}, "Export": {"Name": "the-resource"}},
    }
    assembly.add("Api", rest.resources, outputs=exports)
    method["Properties"] |= {
        "RestApiId": {"Fn::ImportValue": "the-api"},
        "ResourceId": {"Fn::ImportValue": "the-resource"},
    }
    assembly.add("Routes", {"Get": method})

    assert list(assembly.describe()["paths"]) == ["/orders"]


def test_routes_in_a_nested_stack_belong_to_the_api(assembly, rest):
    rest.method("GET", "/orders")
    method = rest.resources.pop("MethodGET/orders")
    given = {"Api": {"Ref": "Api"}, "Orders": {"Ref": "Resource/orders"}}
    rest.resources["Nested"] = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"Parameters": given},
        "Metadata": {"aws:asset:path": "nested.template.json"},
    }
    method["Properties"] |= {"RestApiId": {"Ref": "Api"}, "ResourceId": {"Ref": "Orders"}}
    parameters = {name: {"Type": "String"} for name in given}
    assembly.write("nested.template.json", {"Parameters": parameters, "Resources": {"Get": method}})
    assembly.add("Orders", rest.resources)

    assert list(assembly.describe()["paths"]) == ["/orders"]


def test_a_web_acl_may_refuse(assembly, rest):
    rest.method("GET", "/orders")
    arn = {"Fn::Join": ["", ["arn:aws:apigateway:us-east-1::/restapis/", {"Ref": "Api"}, "/stages/prod"]]}
    rest.resources["Acl"] = {"Type": "AWS::WAFv2::WebACLAssociation", "Properties": {"ResourceArn": arn}}
    assembly.add("Orders", rest.resources)

    assert "403" in assembly.describe()["paths"]["/orders"]["get"]["responses"]
