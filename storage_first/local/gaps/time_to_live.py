"""Expired items are deleted, and the stream says so.

The emulator ignores a table's TimeToLiveSpecification in CloudFormation, and writes no stream record for the items
that it does delete. AWS's record names the service that deleted the item, which is how a reader tells expiry from a
deletion. AWS takes hours to days where the emulator takes a second: a test must not depend on either.
"""

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from ministack.core.responses import request_scope
from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from storage_first.local.gaps import atomic_writes

_TABLES: Final = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
_INTERVAL: Final = 1.0
_DELETED_BY: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_expiring = contextvars.ContextVar("storage_first_expiring", default=False)


def close() -> None:
    """Take TTL from templates, and delete expired items with a record."""
    build_record = dynamodb._build_change_record
    remove_item = dynamodb._remove_item

    def build_attributed_record(*args: Any) -> Any:
        record = build_record(*args)
        if _expiring.get():
            record["userIdentity"] = dict(_DELETED_BY)
        return record

    def remove_and_record(table: dict[str, Any], partition: Any, sort: Any) -> Any:
        # The emulator's own reaper, which runs once a minute, removes items here as well.
        if threading.current_thread().name == "dynamodb-ttl-reaper":
            return _expire(table, partition, sort, remove_item)
        return remove_item(table, partition, sort)

    dynamodb._build_change_record = build_attributed_record
    dynamodb._remove_item = remove_and_record
    for kind in _TABLES:
        handlers = provisioners._RESOURCE_HANDLERS[kind]
        handlers["create"] = _create_with_ttl(handlers["create"])
        handlers["update"] = _update_with_ttl(handlers["update"])
    threading.Thread(target=_reap, args=(remove_item,), name="time-to-live", daemon=True).start()


def _create_with_ttl(create: Callable[..., Any]) -> Callable[..., Any]:
    def create_with_ttl(logical_id: str, props: dict[str, Any], stack: str) -> Any:
        name, attributes = create(logical_id, props, stack)
        _set_ttl(name, props)
        return name, attributes

    return create_with_ttl


def _update_with_ttl(update: Callable[..., Any]) -> Callable[..., Any]:
    def update_with_ttl(name: str, old: dict[str, Any], new: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        result = update(name, old, new, *args, **kwargs)
        _set_ttl(result[0] if isinstance(result, tuple) else name, new)
        return result

    return update_with_ttl


def _set_ttl(table: str, props: dict[str, Any]) -> None:
    specification = props.get("TimeToLiveSpecification") or {}
    enabled = str(specification.get("Enabled", False)).lower() == "true"
    if enabled:
        dynamodb._ttl_settings[table] = {
            "TimeToLiveStatus": "ENABLED",
            "AttributeName": specification["AttributeName"],
        }
    else:
        dynamodb._ttl_settings.pop(table, None)


def _reap(remove_item: Callable[..., Any]) -> None:
    while True:
        time.sleep(_INTERVAL)
        for (account, region, name), setting in list(dynamodb._ttl_settings.all_items()):
            table = dynamodb._tables.get_scoped(account, region, name)
            if table is None or setting.get("TimeToLiveStatus") != "ENABLED":
                continue
            for partition, sort in _expired(table, setting["AttributeName"]):
                with atomic_writes.LOCK:
                    # Once more, under the lock: a write may have given the item more time.
                    if _is_expired(table["items"].get(partition, {}).get(sort), setting["AttributeName"]):
                        _expire(table, partition, sort, remove_item)


def _expired(table: dict[str, Any], attribute: str) -> list[tuple[Any, Any]]:
    with atomic_writes.LOCK:
        return [
            (partition, sort)
            for partition, items in table["items"].items()
            for sort, item in items.items()
            if _is_expired(item, attribute)
        ]


def _is_expired(item: dict[str, Any] | None, attribute: str) -> bool:
    """Whether AWS would delete `item`: its attribute is a number, past, and not more than five years past."""
    value = (item or {}).get(attribute, {}).get("N")
    now = time.time()
    return value is not None and now - 5 * 365 * 86_400 < float(value) <= now


def _expire(table: dict[str, Any], partition: Any, sort: Any, remove_item: Callable[..., Any]) -> Any:
    _, _, _, region, account, _ = table["TableArn"].split(":", 5)
    with request_scope(account, region):
        token = _expiring.set(True)
        try:
            removed = remove_item(table, partition, sort)
            if removed is not None:
                dynamodb._emit_stream_event(table["TableName"], "REMOVE", removed, None)
            return removed
        finally:
            _expiring.reset(token)
