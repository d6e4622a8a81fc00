"""Gopher Holes: gophers move into the holes of a golf course, and not one request is lost."""

from aws_cdk import Acknowledgment, CfnOutput, RemovalPolicy, Stack, Validations
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from constructs_lib import Cors, JobNotifications, JobTracker, StorageFirstApi, Throttle
from constructs_lib.stores import KinesisStore, S3Store, SqsStore, body, path
from storage_first.sample import workflows
from storage_first.sample.functions import sample_function
from storage_first.sample.holes_table import HolesTable
from storage_first.sample.observations import Observations
from storage_first.sample.schemas import ADD_GOPHER, ADD_HOLE, ADD_READING, ADD_SIGHTING
from storage_first.sample.web_page import WebPage

_CORS_ORIGIN = "*"


class GopherHolesStack(Stack):
    """The sample application.

    Attributes:
        api: The API: `POST` to `/holes`, `/gophers`, `/sightings`, `/telemetry` and `/photos/{name}`; `GET` of jobs,
            gophers, holes and photos, and of the page.
        jobs: The jobs.
        notifications: Tells the page of jobs.
        observations: What is seen of gophers and holes.
        holes: The table of holes and gophers.
    """

    def __init__(self, scope: Construct, id: str, *, removal_policy: RemovalPolicy = RemovalPolicy.DESTROY) -> None:
        """Define the stack.

        Args:
            scope: The app.
            id: The stack's name.
            removal_policy: What becomes of the sample's data with the stack. Your own data you would retain.
        """
        super().__init__(scope, id, description="Storage First sample: Gopher Holes")
        self.holes = HolesTable(self, "Holes", removal_policy=removal_policy)
        table = self.holes.table
        self.observations = Observations(self, "Observations", table=table, removal_policy=removal_policy)
        self.jobs = JobTracker(self, "Jobs", removal_policy=removal_policy)
        self.notifications = JobNotifications(self, "Notifications", jobs=self.jobs, removal_policy=removal_policy)
        cors = Cors(origins=[_CORS_ORIGIN])
        self.api = StorageFirstApi(
            self,
            "Api",
            cors=cors,
            throttle=Throttle(rate=500, burst=1000),
            removal_policy=removal_policy,
        )

        self.api.post("/holes", self.jobs.store("add-hole", entity="/holes/{id}"), body=ADD_HOLE)
        self.api.post("/gophers", self.jobs.store("add-gopher", entity="/gophers/{id}"), body=ADD_GOPHER)
        self.jobs.workflow("add-hole", definition=workflows.add_hole(self, table))
        self.jobs.workflow("add-gopher", definition=workflows.add_gopher(self, table, self.jobs))
        self._take_observations()
        self._show_entities(table, removal_policy)
        WebPage(self, "Page", api=self.api, cors=cors, notifications=self.notifications)
        CfnOutput(self, "ApiUrl", value=self.api.rest_api.url)
        self._explain()

    def _take_observations(self) -> None:
        seen = self.observations
        sightings = SqsStore(seen.sightings, group_id=body("$.gopherId"))
        self.api.post("/sightings", sightings, body=ADD_SIGHTING)
        self.api.post("/telemetry", KinesisStore(seen.readings, partition_key=body("$.holeId")), body=ADD_READING)
        self.api.post("/photos/{name}", S3Store(seen.photos, key=path("name")))

    def _show_entities(self, table: dynamodb.ITableV2, removal_policy: RemovalPolicy) -> None:
        show = sample_function(
            self,
            "Show",
            module="show",
            table=table,
            actions=["dynamodb:Query"],
            called_by="API Gateway invokes it synchronously: its caller sees failures.",
            removal_policy=removal_policy,
            environment={"CORS_ORIGIN": _CORS_ORIGIN},
        )
        for route in ("/gophers/{gopherId}", "/holes/{holeId}", "/photos/{name}"):
            self.api.rest_api.root.resource_for_path(route).add_method("GET", apigateway.LambdaIntegration(show))

    def _explain(self) -> None:
        public = "A public playground: everybody may add gophers."
        Validations.of(self.api.rest_api).acknowledge(
            Acknowledgment(id="AwsSolutions::AwsSolutions-APIG4", reason=public),
            Acknowledgment(id="AwsSolutions::AwsSolutions-COG4", reason=public),
        )
        Validations.of(self.notifications.api).acknowledge(
            Acknowledgment(id="AwsSolutions::AwsSolutions-APIG4", reason=public)
        )
        Validations.of(self.api.rest_api.deployment_stage).acknowledge(
            Acknowledgment(
                id="AwsSolutions::AwsSolutions-APIG3",
                reason="A web ACL costs 5 USD a month, too much for a playground.",
            )
        )
