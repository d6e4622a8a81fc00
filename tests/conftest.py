import os
import signal

# The template validator is a gate of its own (tests/gates): it doubles the time of each synth.
os.environ.setdefault("CDK_VALIDATION", "false")
os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "enabled")
os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
# What a test forgets to point at the local cloud must reach nothing.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
# A shell's background job ignores interrupts, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
