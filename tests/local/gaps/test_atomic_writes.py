import subprocess
import sys

from storage_first.local.environment import essential

# Eight threads, as many as there may be executions, each take the next number; switching threads as often as possible.
COUNT = """
import json, sys, threading
from ministack.services import dynamodb
{close}
sys.setswitchinterval(1e-6)
dynamodb._create_table({{"TableName": "counters", "KeySchema": [{{"AttributeName": "pk", "KeyType": "HASH"}}],
    "AttributeDefinitions": [{{"AttributeName": "pk", "AttributeType": "S"}}], "BillingMode": "PAY_PER_REQUEST"}})
key = {{"pk": {{"S": "counter"}}}}

def add():
    for _ in range(300):
        dynamodb._update_item({{"TableName": "counters", "Key": key, "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {{":one": {{"N": "1"}}}}}})

threads = [threading.Thread(target=add) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.loads(dynamodb._get_item({{"TableName": "counters", "Key": key}})[2])["Item"]["n"]["N"])
"""


def count(close=""):
    script = COUNT.format(close=close)
    run = subprocess.run(
        [sys.executable, "-c", script], env=essential(), capture_output=True, text=True, timeout=60, check=True
    )
    return int(run.stdout)


def test_the_bare_emulator_loses_concurrent_updates():
    assert count() < 2400


def test_concurrent_updates_all_count():
    assert count(close="from storage_first.local.gaps import atomic_writes; atomic_writes.close()") == 2400
