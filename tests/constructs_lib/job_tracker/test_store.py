import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Match, Template

from constructs_lib import JobTracker, StorageFirstApi
from tests.constructs_lib.storage_first_api.routes import Route


@pytest.fixture
def stack():
    return Stack(App(), "Stack")


@pytest.fixture
def jobs(stack):
    jobs = JobTracker(stack, "Jobs")
    for type_ in ("add-gopher", "add-hole"):
        jobs.workflow(type_, definition=sfn.Pass(stack, type_))
    return jobs


def job_routes(stack):
    methods = Template.from_stack(stack).find_resources("AWS::ApiGateway::Method")
    return [id for id, method in methods.items() if "jobId" in id and method["Properties"]["HttpMethod"] == "GET"]


def test_an_api_that_stores_jobs_shows_them_once_however_many_routes_it_has(stack, jobs):
    api = StorageFirstApi(stack, "Api")

    api.post("/gophers", jobs.store("add-gopher"))
    api.post("/holes", jobs.store("add-hole"))

    assert len(job_routes(stack)) == 1


def test_each_api_of_a_tracker_shows_its_jobs(stack, jobs):
    StorageFirstApi(stack, "Public").post("/gophers", jobs.store("add-gopher"))
    StorageFirstApi(stack, "Private").post("/holes", jobs.store("add-hole"))

    assert len(job_routes(stack)) == 2


def test_one_api_shows_the_jobs_of_one_tracker(stack, jobs):
    api = StorageFirstApi(stack, "Api")
    api.post("/gophers", jobs.store("add-gopher"))
    other = JobTracker(stack, "Other")

    with pytest.raises(ValueError, match=r"Stack/Api serves GET /jobs/\{jobId\} already, for another JobTracker"):
        api.post("/holes", other.store("add-hole"))


def test_showing_jobs_may_query_the_table_and_the_indexes_of_lists_and_nothing_else(stack, jobs):
    StorageFirstApi(stack, "Api").post("/gophers", jobs.store("add-gopher"))

    table = stack.resolve(jobs.table.table_arn)
    lists = [
        {"Fn::Join": ["", [table, f"/index/{name}"]]}
        for name in ("newest", "newest.type", "newest.status", "newest.type.status")
    ]
    query = {"Effect": "Allow", "Action": "dynamodb:Query"}
    statements = [{**query, "Resource": table}, {**query, "Resource": lists}]
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy", {"PolicyDocument": {"Statement": Match.exact(statements)}}
    )


def test_a_type_that_nothing_works_on_fails_the_synth(stack, jobs):
    StorageFirstApi(stack, "Api").post("/moles", jobs.store("add-mole"))

    with pytest.raises(RuntimeError, match="Jobs of type 'add-mole' are stored, but no workflow works on them"):
        Template.from_stack(stack)


@pytest.mark.parametrize("type_", ["", "add gopher", "9lives", "a" * 65, "add$gopher"])
def test_a_type_that_could_not_be_a_name_is_refused(jobs, type_):
    with pytest.raises(ValueError, match="job_type must be 1 to 64 letters") as error:
        jobs.store(type_)

    assert repr(type_) in str(error.value)


@pytest.mark.parametrize(
    ("path", "link"), [("/gophers", "/prod/jobs/j-1"), ("/farms/{farm}/gophers", "/prod/jobs/j-1")]
)
def test_the_link_to_a_job_is_right_at_any_depth(stack, jobs, path, link):
    StorageFirstApi(stack, "Api").post(path, jobs.store("add-gopher"))
    stored = {"Attributes": {"id": {"S": "j-1"}, "status": {"S": "Pending"}}}

    _, headers, _ = Route.of(stack, "POST").answer(200, stored, context={"path": "/prod" + path})

    assert headers["Location"] == link
