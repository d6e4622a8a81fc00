import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from constructs_lib import JobTracker, _handlers
from constructs_lib._handlers import handler_function


@pytest.fixture(scope="module")
def names():
    with ZipFile(_handlers._asset().path) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    target = tmp_path_factory.mktemp("function")
    with ZipFile(_handlers._asset().path) as archive:
        archive.extractall(target)
    return target


@pytest.fixture(scope="module")
def template():
    stack = Stack(App(), "Stack")
    for name in ("Reader", "Reconciler"):
        handler_function(
            stack,
            name,
            handler=f"lambdas.jobs.{'stream_reader' if name == 'Reader' else 'reconciler'}.handler",
            description="Does its work.",
            environment={"JOBS_TABLE": "jobs"},
            timeout=Duration.minutes(1),
            dead_letter_queue=sqs.Queue(stack, f"{name}Queue"),
        )
    return Template.from_stack(stack)


def functions(template):
    return [it["Properties"] for it in template.find_resources("AWS::Lambda::Function").values()]


@pytest.mark.parametrize(
    "module",
    [
        *("jobs.stream_reader", "jobs.execution_ended", "jobs.reconciler"),
        *("notifications.connections", "notifications.fan_out"),
    ],
)
def test_every_handler_imports_from_the_asset_alone(unpacked, module):
    pytest.importorskip("botocore", reason="which the runtime brings")
    code = (
        f"import json, lambdas.{module} as m, aws_lambda_powertools as p, jmespath as j, typing_extensions as t;"
        "print(json.dumps([callable(m.handler), m.__file__, p.__file__, j.__file__, t.__file__]))"
    )

    output = subprocess.run(
        [sys.executable, "-c", code],
        cwd=unpacked,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(unpacked), "POWERTOOLS_SERVICE_NAME": "jobs"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    is_callable, *files = json.loads(output)
    assert is_callable
    assert all(Path(file).is_relative_to(unpacked) for file in files)


def test_the_asset_holds_no_compiled_code_tests_or_samples(names):
    parts = {part for name in names for part in Path(name).parts}

    assert not {"__pycache__", "tests", "sample"} & parts
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_asset_is_small_enough_to_start_fast():
    assert _handlers._asset().path.stat().st_size < 1_000_000


def test_the_same_files_make_the_same_asset_whatever_their_order(tmp_path):
    first = _handlers._zip({"b.py": b"2", "a.py": b"1"}, tmp_path / "first.zip")
    second = _handlers._zip({"a.py": b"1", "b.py": b"2"}, tmp_path / "second.zip")

    assert first.digest == second.digest
    assert first.path.read_bytes() == second.path.read_bytes()


@pytest.mark.parametrize("files", [{"a.py": b"1", "b.py": b"3"}, {"a.py": b"1"}, {"a.py": b"1b", "y": b"2"}])
def test_other_files_make_another_asset(tmp_path, files):
    before = _handlers._zip({"a.py": b"1", "b.py": b"2"}, tmp_path / "before.zip")

    after = _handlers._zip(files, tmp_path / "after.zip")

    assert after.digest != before.digest


def test_two_synths_of_two_processes_are_byte_identical(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("from constructs_lib import _handlers; print(_handlers._asset().digest)")

    digests = {
        subprocess.run([sys.executable, program], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    }

    assert digests == {_handlers._asset().digest}


def test_all_functions_share_one_asset(template):
    keys = {function["Code"]["S3Key"] for function in functions(template)}

    assert len(keys) == 1


def test_handlers_are_found_in_a_checkout_and_in_a_wheel(tmp_path):
    for layout in ("wheel/constructs_lib/lambdas", "checkout/lambdas"):
        (tmp_path / layout / "jobs").mkdir(parents=True)
        (tmp_path / layout / "jobs" / "stream_reader.py").touch()

    assert _handlers._find_handlers(tmp_path / "wheel" / "constructs_lib") == tmp_path / "wheel/constructs_lib/lambdas"
    assert _handlers._find_handlers(tmp_path / "checkout" / "constructs_lib") == tmp_path / "checkout/lambdas"


def test_someone_elses_package_called_lambdas_is_not_shipped(tmp_path):
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "__init__.py").touch()

    with pytest.raises(RuntimeError, match="Install storage-first again"):
        _handlers._find_handlers(tmp_path / "constructs_lib")


def test_defining_functions_imports_no_handler():
    code = "import sys, constructs_lib._handlers as h; h._asset(); sys.exit('lambdas' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_function_may_write_to_its_own_logs_only(template):
    groups = template.find_resources("AWS::Logs::LogGroup").keys()

    for policy in template.find_resources("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if "logs:PutLogEvents" in statement["Action"]:
                assert statement["Resource"]["Fn::GetAtt"][0] in groups
    for role in template.find_resources("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]


def test_functions_have_what_an_operator_needs(template):
    for function in functions(template):
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["Architectures"] == ["arm64"]
        assert function["Environment"]["Variables"]["JOBS_TABLE"] == "jobs"
        assert function["Environment"]["Variables"]["LOG_LEVEL"] == "INFO"
        assert "DeadLetterConfig" in function
        assert "LogGroup" in function["LoggingConfig"]
    services = {function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for function in functions(template)}
    assert services == {"stream_reader", "reconciler"}


def test_the_layer_has_its_module_where_python_looks_for_it_and_nothing_else(names):
    with ZipFile(_handlers._layer("storage_first_jobs").path) as archive:
        assert archive.namelist() == ["python/storage_first_jobs.py"]
        assert b"def progress(" in archive.read("python/storage_first_jobs.py")
    assert not [name for name in names if "storage_first_jobs" in name]


def test_functions_of_a_tracker_s_user_get_the_layer_once_and_may_write_to_single_jobs():
    stack = Stack(App(), "Stack")
    jobs = JobTracker(stack, "Jobs")
    own = [
        lambda_.Function(
            stack,
            f"Own{number}",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline("..."),
        )
        for number in range(2)
    ]

    for function in own:
        jobs.add_progress_to(function)

    template = Template.from_stack(stack)
    (layer,) = template.find_resources("AWS::Lambda::LayerVersion")
    table = stack.get_logical_id(jobs.table.node.default_child)
    told = [it for it in functions(template) if it["Handler"] == "index.handler"]
    assert [it["Layers"] for it in told] == [[{"Ref": layer}]] * 2
    assert [it["Environment"]["Variables"] for it in told] == [{"JOBS_TABLE": {"Ref": table}}] * 2
    template.has_resource_properties(
        "AWS::IAM::Policy",
        {
            "Roles": [{"Ref": stack.get_logical_id(own[0].role.node.default_child)}],
            "PolicyDocument": {
                "Statement": [{"Action": "dynamodb:UpdateItem", "Resource": {"Fn::GetAtt": [table, "Arn"]}}]
            },
        },
    )
