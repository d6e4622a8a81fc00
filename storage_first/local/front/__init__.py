"""The API Gateway front: serves the REST APIs that a CDK app deployed to the emulator, as API Gateway would.

The emulator drops request validators and mapping templates, so the front reads them from the synthesized templates
and takes each request through API Gateway's steps itself, one module each: `domains`, `routing`, `authorization`,
`usage`, `throttling`, `validation`, `integration_request`, the integrations (`services`, `lambda_proxy`,
`http_backends`, `mock`), `integration_response` and `gateway_responses`; `gateway` is their order.

Where AWS documents no behaviour, the modules follow what is known of AWS, and say so.

Not modelled: caches, resource policies, web application firewalls, canaries, client certificates,
older deployments of a stage (each serves what the template says now), response streaming, and the account's own
limits.
"""

from storage_first.local.front.asgi import build_app
from storage_first.local.front.backends import Backends
from storage_first.local.front.definition import define_apis
from storage_first.local.front.deployed import read_api_keys, read_stacks
from storage_first.local.front.intrinsics import DeployedStack
from storage_first.local.front.model import Api, ApiKey
from storage_first.local.front.other_apis import OtherApi, addresses_of_other_apis, with_local_addresses

__all__ = [
    "Api",
    "ApiKey",
    "Backends",
    "DeployedStack",
    "OtherApi",
    "addresses_of_other_apis",
    "build_app",
    "define_apis",
    "read_api_keys",
    "read_stacks",
    "with_local_addresses",
]
