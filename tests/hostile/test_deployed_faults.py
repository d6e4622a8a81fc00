"""Faults of the services, through real HTTP: the contract's status, nothing internal, and nothing accepted."""

import pytest

from tests.faults import INTERNAL, Answer, Break, Faults, Refusal, faults_of, with_timeout
from tests.hostile.deployed import ROUTES, Deployed
from tests.hostile.test_deployed import everywhere, new_mark, require_problem
from tests.hostile.test_faults import SERVICES, expected
from tests.local.front.process import serving

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("hostile")]

STORING = {route: service for route, (service, _) in SERVICES.items() if route in ROUTES}
CASES = [  # by route and kind of fault
    pytest.param(route, kind, id=f"{route}: {kind}")
    for route, service in STORING.items()
    for kind in faults_of(service)
]


@pytest.fixture(scope="module")
def faulty(cloud, tmp_path_factory):
    """The app behind a front whose services fail on command."""
    directory = tmp_path_factory.mktemp("faulty")
    assembly = with_timeout(cloud.logs.parent / "cdk.out", 1, directory / "cdk.out")
    with (
        Faults(cloud.endpoint) as faults,
        serving(faults.url, assembly, directory / "errors") as front,
        Deployed(cloud, url=front.url("Api")) as deployed,
    ):
        yield faults, deployed


@pytest.mark.parametrize(("route", "kind"), CASES, ids=str)
def test_a_fault_of_a_service_is_told_as_the_contract_has_it(faulty, route, kind):
    faults, deployed = faulty
    service = STORING[route]
    fault = faults_of(service)[kind]
    event, _ = everywhere(route, "", new_mark())

    with faults.at(service, fault) as calls:
        answer = deployed.send(route, **event)

    assert len(calls) == 1
    if is_confirmation(route, fault):
        assert answer.status_code == 202
        return
    require_problem(answer)
    assert answer.status_code in statuses(service, fault)
    assert INTERNAL not in answer.text
    assert not any(word in answer.text for word in ("arn:", "xception", "Traceback", "<html", "Hostile"))


def is_confirmation(route, fault):
    """S3 confirms by its status alone."""
    return route.startswith("PUT /s3") and isinstance(fault, Answer) and fault.status == 200


def statuses(service, fault):
    match fault:
        case Refusal(status, code):
            return {expected(service, code, status)}
        case Answer(status=200):
            return {500, 503}
        case Answer():
            return {503}
        case Break():
            return {503, 504}


def test_after_faults_every_store_is_reached_again(faulty):
    faults, deployed = faulty
    for route, service in STORING.items():
        with faults.at(service, Break.RESET):
            deployed.send(route, **everywhere(route, "", new_mark())[0])

    answers = {route: deployed.send(route, **everywhere(route, "", new_mark())[0]) for route in STORING}

    assert {route: answer.status_code for route, answer in answers.items()} == dict.fromkeys(STORING, 202)
