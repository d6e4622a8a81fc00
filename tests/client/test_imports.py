import subprocess
import sys

HEAVY = {"aws_cdk", "boto3", "botocore", "constructs_lib", "jsii", "ministack", "storage_first.local", "typer"}


def test_the_client_imports_nothing_of_the_local_cloud_and_no_aws():
    script = "import sys, storage_first.client; print('\\n'.join(sys.modules))"

    imported = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert HEAVY & set(imported.stdout.split()) == set()
