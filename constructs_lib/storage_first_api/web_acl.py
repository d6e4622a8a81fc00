"""A web ACL for those who want one and have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_wafv2 as wafv2

from constructs_lib._limits import require_between

if TYPE_CHECKING:
    from constructs import Construct

# It blocks what is larger than 8 KB; API Gateway and the stores say what is too large for them.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
_TOO_LARGE = "SizeRestrictions_BODY"
_RATES = (10, 2_000_000_000)  # of requests in five minutes


def managed_web_acl(scope: Construct, id: str, *, requests_per_address: int = 10_000) -> wafv2.CfnWebACL:
    """Define a web ACL for the stages of APIs: AWS's common rules, and a limit for each IP address.

    The rules look for attacks (scripts, traversal of paths, bad agents) in the first 16 KB of a body, and find them
    in honest text that speaks of such things, too: such a request is refused with 403, and not stored. Bodies of any
    size pass. Look at the counts of a rule before you trust it.

    Args:
        scope: Where to define it.
        id: Its id.
        requests_per_address: How many requests one address may send in five minutes.

    Raises:
        ValueError: If `requests_per_address` is out of AWS WAF's range.
    """
    require_between("requests_per_address", requests_per_address, *_RATES)
    count = wafv2.CfnWebACL.RuleActionProperty(count={})
    common = wafv2.CfnWebACL.StatementProperty(
        managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
            vendor_name="AWS",
            name="AWSManagedRulesCommonRuleSet",
            rule_action_overrides=[wafv2.CfnWebACL.RuleActionOverrideProperty(name=_TOO_LARGE, action_to_use=count)],
        )
    )
    rate = wafv2.CfnWebACL.StatementProperty(
        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="IP", limit=requests_per_address
        )
    )
    return wafv2.CfnWebACL(
        scope,
        id,
        scope="REGIONAL",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=_metrics("WebAcl"),
        rules=[
            wafv2.CfnWebACL.RuleProperty(
                name="RequestsPerAddress",
                priority=0,
                statement=rate,
                action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                visibility_config=_metrics("RequestsPerAddress"),
            ),
            wafv2.CfnWebACL.RuleProperty(
                name="CommonAttacks",
                priority=1,
                statement=common,
                override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
                visibility_config=_metrics("CommonAttacks"),
            ),
        ],
    )


def _metrics(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    # Without samples: they would hold what callers send.
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        metric_name=name, cloud_watch_metrics_enabled=True, sampled_requests_enabled=False
    )
