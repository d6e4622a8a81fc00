"""The JSONata of a batch: what is said in more than a name.

The variable `batch` holds how far it is: `items` and `size` (how many items in all, and in a chunk), `from` (the next
item), `failed`, `results`, and `left` and `leftQuoted` (the bytes that further results may have, and that they may have
as a text in JSON).
"""

from __future__ import annotations

import json
from typing import Final

from constructs_lib.job_tracker.batch.limits import (
    BARE_QUOTED_RESULT_BYTES,
    BARE_RESULT_BYTES,
    MAX_CODE,
    MAX_MESSAGE,
    MAX_PROGRESS_WRITES,
    MAX_QUOTED_RESULTS_BYTES,
    MAX_RESULTS_BYTES,
    UNTOLD,
)

_ITEMS = "$states.context.Execution.Input.input.items"
_INDEX = "$states.context.Map.Item.Value"
_ID = f"$states.context.Execution.Input.id & '.' & $string({_INDEX})"
# Unique like that of the batch's own execution, and no job's: their names have no dot.
_EXECUTION_NAME = f"$states.context.Execution.Name & '.' & $string({_INDEX})"


def _jsonata(expression: str) -> str:
    return f"{{% {expression} %}}"


ID: Final = _jsonata(_ID)
KEY: Final = _jsonata(f"$states.context.Execution.Input.tenant & '#' & {_ID}")
ITEM: Final = _jsonata(f"{_ITEMS}[{_INDEX}]")
EXECUTION_NAME: Final = _jsonata(_EXECUTION_NAME)


def execution_arn(machine_arn: str) -> str:
    """Tell the ARN that the execution of an item will have."""
    return _jsonata(f"$replace('{machine_arn}', ':stateMachine:', ':execution:', 1) & ':' & {_EXECUTION_NAME}")


SUCCEEDED: Final = _jsonata(f"{{'index': {_INDEX}, 'id': {_ID}, 'status': 'Succeeded', 'error': null}}")

# What failed by itself says why in its Error and Cause. An execution that did not succeed is always a
# `States.TaskFailed`, whose Cause is the answer of DescribeExecution with its names in alphabetical order: a text that
# was cut before the last of them, `StopDate`, is not taken for JSON.
FAILED: Final = _jsonata(f"""(
  $said := $type($states.errorOutput.Cause) = 'string' ? $states.errorOutput.Cause : '';
  $ended := $contains($substring($said, -40), '"StopDate":')
    ? $parse($said)
    : {{'Error': $states.errorOutput.Error, 'Cause': $said}};
  $code := $exists($ended.Error) ? $ended.Error
    : $lookup({{'TIMED_OUT': 'ExecutionTimedOut', 'ABORTED': 'ExecutionAborted'}}, $ended.Status);
  $message := $exists($ended.Cause) ? $ended.Cause
    : $exists($ended.Error) ? '' : 'The execution ended as ' & $ended.Status & '.';
  {{
    'index': {_INDEX},
    'id': {_ID},
    'status': 'Failed',
    'error': {{
      'code': $exists($code) ? $substring($code, 0, {MAX_CODE}) : 'ExecutionFailed',
      'message': $substring($message, 0, {MAX_MESSAGE})
    }}
  }}
)""")


def begun(max_concurrency: int) -> str:
    """Count the items, and choose chunks that keep all iterations busy and the writes of progress few."""
    size = f"$max([{2 * max_concurrency}, $ceil($items / {MAX_PROGRESS_WRITES})])"
    state = (
        f"'items': $items, 'size': {size}, 'from': 0, 'failed': 0, 'results': [], "
        f"'left': {MAX_RESULTS_BYTES}, 'leftQuoted': {MAX_QUOTED_RESULTS_BYTES}"
    )
    return _jsonata(f"($items := $count({_ITEMS}); {{{state}}})")


_TO = "$min([$batch.from + $batch.size, $batch.items])"
CHUNK: Final = _jsonata(f"[$batch.from..{_TO} - 1]")

# The bytes of the JSON are at most four for each character that is not ASCII. Where the words of a chunk's failures
# would leave too little for the items to come, they are left out; that an item has failed is told of every one.
# A text in a list has its quotes escaped, as it has among the arguments of the state that writes it.
WITH_CHUNK: Final = _jsonata(f"""(
  $bytes := function($told) {{ $length($replace($string($told), /[^ -~]/, '....')) }};
  $to := {_TO};
  $toCome := $batch.items - $to;
  $fits := $bytes($states.result) <= $batch.left - $toCome * {BARE_RESULT_BYTES}
    and $bytes([$string($states.result)]) <= $batch.leftQuoted - $toCome * {BARE_QUOTED_RESULT_BYTES};
  $told := $fits ? $states.result : [$map($states.result, function($item) {{
    $item.status = 'Failed' ? $merge([$item, {{'error': {json.dumps(UNTOLD)}}}]) : $item
  }})];
  $merge([$batch, {{
    'from': $to,
    'failed': $batch.failed + $count($states.result[status = 'Failed']),
    'left': $batch.left - $bytes($told),
    'leftQuoted': $batch.leftQuoted - $bytes([$string($told)]),
    'results': [$batch.results, $told]
  }}])
)""")

IS_UNFINISHED: Final = _jsonata("$batch.from < $batch.items")
HAS_FAILURES: Final = _jsonata("$batch.failed > 0")
PERCENT: Final = _jsonata("$string($floor(100 * $batch.from / $batch.items))")
PROGRESS: Final = _jsonata(
    "$string($batch.from) & ' of ' & $string($batch.items) & ' items'"
    " & ($batch.failed > 0 ? ', ' & $string($batch.failed) & ' failed' : '')"
)
FAILURE: Final = _jsonata("$string($batch.failed) & ' of ' & $string($batch.items) & ' items failed'")
_RESULT = (
    "{'items': $batch.items, 'succeeded': $batch.items - $batch.failed, 'failed': $batch.failed, "
    "'results': $batch.results}"
)
RESULT: Final = _jsonata(_RESULT)
RESULT_TEXT: Final = _jsonata(f"$string({_RESULT})")
