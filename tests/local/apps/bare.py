"""Writes the cloud assembly of one stack by itself: an app that synthesizes at once."""

import json
import os
import sys
from pathlib import Path

RESOURCES = {
    "refused": {"Secret": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "SecureString", "Value": "x"}}},
    "endless": {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "600"},
        },
    },
}
out = Path(os.environ["CDK_OUTDIR"])
out.mkdir(parents=True)
stack = {
    "type": "aws:cloudformation:stack",
    "environment": f"aws://{os.environ['CDK_DEFAULT_ACCOUNT']}/{os.environ['CDK_DEFAULT_REGION']}",
    "properties": {"templateFile": "Bare.template.json"},
}
(out / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": {"Bare": stack}}))
(out / "Bare.template.json").write_text(json.dumps({"Resources": RESOURCES[sys.argv[1]]}))
