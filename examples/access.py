"""Partners send orders with keys, staff with tokens, and each partner sees its own jobs only."""

from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from constructs_lib import Access, AlarmTopic, Cors, JobTracker, StorageFirstApi, Throttle
from constructs_lib.storage_first_api import Quota
from constructs_lib.stores import claim


class OrdersStack(Stack):
    """Two StorageFirstApis on one REST API: one for the users of a pool, one for partners with keys."""

    def __init__(self, scope: Construct, id: str) -> None:
        """Define the stack."""
        super().__init__(scope, id)
        users = cognito.UserPool(
            self,
            "Users",
            feature_plan=cognito.FeaturePlan.PLUS,
            standard_threat_protection_mode=cognito.StandardThreatProtectionMode.FULL_FUNCTION,
            mfa=cognito.Mfa.REQUIRED,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=12, require_digits=True, require_lowercase=True, require_symbols=True, require_uppercase=True
            ),
            # Set by whoever invites a user, and never by the user: it tells whose jobs they see.
            custom_attributes={"tenant": cognito.StringAttribute(mutable=False)},
        )
        alarms = AlarmTopic(self, "Alarms")

        orders = JobTracker(self, "Orders")
        orders.workflow("order", definition=sfn.Pass.jsonata(self, "Order"))
        for_users = StorageFirstApi(
            self,
            "Api",
            access=Access.cognito([users], tenant=claim("custom:tenant")),
            cors=Cors(origins=["https://shop.example"]),
            alarm_topic=alarms.topic,
        )
        for_users.post("/orders", orders.store("order"))

        imports = JobTracker(self, "Imports")
        imports.workflow("import", definition=sfn.Pass.jsonata(self, "Import"))
        for_partners = StorageFirstApi(
            self,
            "Partners",
            rest_api=for_users.rest_api,
            root_path="/partners",
            access=Access.api_key(
                [apigateway.ApiKey(self, "Acme"), apigateway.ApiKey(self, "Globex")],
                throttle=Throttle(rate=10, burst=20),
                quota=Quota(requests=10_000, per=apigateway.Period.DAY),
            ),
        )
        for_partners.post("/imports", imports.store("import"), require_idempotency_key=True)

        for_users.add_dashboard()
        CfnOutput(self, "ApiUrl", value=for_users.rest_api.url)


if __name__ == "__main__":
    app = App()
    OrdersStack(app, "Orders")
    app.synth()
