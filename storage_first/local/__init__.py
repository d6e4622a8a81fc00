"""The local cloud: runs any CDK app on this machine, with no AWS account and no Docker."""
