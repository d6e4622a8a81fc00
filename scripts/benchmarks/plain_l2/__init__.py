"""The sample's resources, written by hand with the CDK's own L2 constructs: what its synth is measured against.

Mapping templates are shortened, and nothing is acknowledged for policy validators. A test holds the kinds and numbers
of resources to the sample's.
"""
