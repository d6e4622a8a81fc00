"""AWS's prices in us-east-1, in USD, before free tiers and volume discounts; docs/costs.md tells of when they are."""

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.benchmarks.figures import MeasurementError

MILLION = 1_000_000
GB = 2**30  # AWS counts binary gigabytes


class UnknownPriceError(MeasurementError):
    """Something costs money, and how much is not known: the message names it."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """The price of one thing.

    Attributes:
        usd: What `per` of it cost.
        per: How many.
        unit: What is counted.
        page: The path of AWS's own page below https://aws.amazon.com.
        compared: Of when the public copy or guide is that has the same figure; empty if none was found.
    """

    usd: float
    per: float = MILLION
    unit: str
    page: str
    compared: str = ""


# Kept in the order of a request's way.
PRICES: Mapping[str, Price] = {
    "API Gateway": Price(usd=3.50, unit="REST API requests", page="/api-gateway/pricing/", compared="2026"),
    "API Gateway, HTTP API": Price(usd=1.00, unit="requests of 512 KB", page="/api-gateway/pricing/", compared="2026"),
    "WAF": Price(usd=0.60, unit="requests", page="/waf/pricing/", compared="2026"),
    "traces": Price(usd=5.00, unit="X-Ray traces", page="/xray/pricing/", compared="undated"),
    "logs": Price(usd=0.50, per=1, unit="GB to CloudWatch Logs", page="/cloudwatch/pricing/", compared="2025-05"),
    "Lambda requests": Price(usd=0.20, unit="requests", page="/lambda/pricing/", compared="2026-03"),
    "Lambda time, Arm": Price(usd=13.3334, unit="GB-seconds", page="/lambda/pricing/", compared="2026-03"),
    "Lambda time, x86": Price(usd=16.6667, unit="GB-seconds", page="/lambda/pricing/", compared="2026-03"),
    "DynamoDB writes": Price(
        usd=0.625, unit="on-demand write units of 1 KB", page="/dynamodb/pricing/on-demand/", compared="undated"
    ),
    "DynamoDB reads": Price(
        usd=0.125, unit="on-demand read units of 4 KB", page="/dynamodb/pricing/on-demand/", compared="undated"
    ),
    "SQS": Price(usd=0.40, unit="requests of 64 KB", page="/sqs/pricing/", compared="2026-06"),
    "SQS FIFO": Price(usd=0.50, unit="requests of 64 KB", page="/sqs/pricing/", compared="2026-06"),
    "SNS": Price(usd=0.50, unit="publishes of 64 KB", page="/sns/pricing/", compared="2026-06"),
    "SNS to HTTP": Price(usd=0.60, unit="deliveries of 64 KB", page="/sns/pricing/", compared="2026-06"),
    "SNS FIFO": Price(usd=0.30, unit="publishes", page="/sns/pricing/", compared="2026-06"),
    "SNS FIFO data": Price(usd=0.017, per=1, unit="GB published", page="/sns/pricing/"),
    "Kinesis on-demand": Price(usd=0.08, per=1, unit="GB in", page="/kinesis/data-streams/pricing/"),
    "Kinesis on-demand, stream": Price(usd=0.04, per=1, unit="hour", page="/kinesis/data-streams/pricing/"),
    "Kinesis provisioned": Price(usd=0.014, unit="put units of 25 KB", page="/kinesis/data-streams/pricing/"),
    "Kinesis provisioned, shard": Price(usd=0.015, per=1, unit="hour", page="/kinesis/data-streams/pricing/"),
    "EventBridge": Price(usd=1.00, unit="custom events of 64 KB", page="/eventbridge/pricing/", compared="2026-06"),
    "S3": Price(usd=5.00, unit="PUT requests, S3 Standard", page="/s3/pricing/", compared="undated"),
    "S3 reads": Price(usd=0.40, unit="GET requests, S3 Standard", page="/s3/pricing/"),
    "KMS": Price(usd=3.00, unit="requests", page="/kms/pricing/", compared="2026-06"),
    "Step Functions": Price(usd=25.00, unit="transitions", page="/step-functions/pricing/", compared="2026-03"),
    "Step Functions Express": Price(usd=1.00, unit="requests", page="/step-functions/pricing/", compared="2026-03"),
    "Step Functions Express, time": Price(
        usd=16.67, unit="GB-seconds", page="/step-functions/pricing/", compared="2026-03"
    ),
}
