"""Serve the REST APIs that a CDK app deployed to the emulator: `python -m storage_first.local.front`."""

import argparse
import sys
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from storage_first.local.front.asgi import to_stderr
from storage_first.local.front.definition import define_apis
from storage_first.local.front.deployed import read_api_keys, read_stacks
from storage_first.local.front.other_apis import addresses_of_other_apis, with_local_addresses
from storage_first.local.front.server import PortTakenError, listen, serve


def main() -> int:
    """Run the front, and give its exit code."""
    arguments = _arguments()
    try:
        stacks = with_local_addresses(read_stacks(arguments.emulator, arguments.assembly), arguments.emulator)
        keys = read_api_keys(arguments.emulator)
    except (BotoCoreError, ClientError, OSError) as error:
        to_stderr(f"cannot read what was deployed: {error}")
        return 1
    apis = [api for api in define_apis(stacks, keys) if api.stages]
    for api in apis:
        for problem in api.problems:
            to_stderr(f"{api.name}: {problem}")
    try:
        sockets = listen(arguments.port, len(apis))
    except PortTakenError as error:
        to_stderr(str(error))
        return 2
    announce = partial(print, flush=True)
    for other in addresses_of_other_apis(stacks, arguments.emulator):
        announce(other.as_json())
    if arguments.access_log is None:
        serve(apis, sockets, emulator=arguments.emulator, announce=announce)
    else:
        with arguments.access_log.open("a", buffering=1) as file:
            log = partial(print, file=file)
            serve(apis, sockets, emulator=arguments.emulator, announce=announce, access_log=log)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m storage_first.local.front", description=__doc__)
    parser.add_argument("--emulator", required=True, help="the emulator's address, for example http://127.0.0.1:4566")
    parser.add_argument("--assembly", required=True, type=Path, help="the cloud assembly that was deployed (cdk.out)")
    parser.add_argument("--port", required=True, type=int, help="the first API's port; 0 takes free ones")
    parser.add_argument("--access-log", type=Path, help="where stages' access logs go; standard error if not given")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
