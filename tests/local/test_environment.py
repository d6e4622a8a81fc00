from storage_first.local.environment import essential, isolated

USER = {
    "PATH": "/bin",
    "HOME": "/home/gus",
    "EDITOR": "vi",
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
    "AWS_SESSION_TOKEN": "secret",
    "CDK_DEFAULT_ACCOUNT": "123456789012",
    "https_proxy": "http://proxy:8080",
    "MINISTACK_REGION": "eu-west-1",
    "LAMBDA_EXECUTOR": "docker",
}


def test_nothing_of_the_user_s_way_to_aws_is_left():
    environ = isolated("http://127.0.0.1:4566", USER)

    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environ["AWS_CONFIG_FILE"] == environ["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert environ["CDK_DEFAULT_ACCOUNT"] == "000000000000"
    assert environ["EDITOR"] == "vi"
    for name in USER.keys() - {"PATH", "HOME", "EDITOR", "CDK_DEFAULT_ACCOUNT"}:
        assert name not in environ


def test_the_emulator_and_so_each_function_gets_only_what_it_needs_to_run():
    environ = essential(USER)

    assert environ["PATH"] == "/bin"
    assert not USER.keys() & environ.keys() - {"PATH", "HOME"}
    assert environ["AWS_EC2_METADATA_DISABLED"] == "true"
