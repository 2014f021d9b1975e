"""Tells the cases' calls of the AWS API to moto and prints how each step ended.

Reads {"region": ..., "cases": [{"name", "steps": [{"name", "theirs": [[service, operation, parameters]]}]}]} from
standard input and writes {"case/step": {"values": {...}} | {"error": code, "message": text}} to standard output.
Each case has an empty account. Nothing leaves the process: moto answers the calls inside it.
"""

import json
import os
import re
import sys

os.environ.update(AWS_ACCESS_KEY_ID="oracle", AWS_SECRET_ACCESS_KEY="oracle", AWS_EC2_METADATA_DISABLED="true")
os.environ["MOTO_ACM_VALIDATION_WAIT"] = "3600"
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
    os.environ.pop(name, None)

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError, ParamValidationError  # noqa: E402
from moto import mock_aws  # noqa: E402
from moto.moto_api._internal import mock_random  # noqa: E402

REFERENCE = re.compile(r"\{\{([A-Za-z0-9]+)\.([^}]+)\}\}")
# Names that only boto3 would refuse must reach moto: the Go SDK of the provider does not check them either.
CONFIG = Config(parameter_validation=False, retries={"max_attempts": 1})


def value_at(value, path):
    for key in path.split("."):
        if isinstance(value, list):
            value = value[int(key)] if int(key) < len(value) else None
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def resolve(value, done):
    if isinstance(value, list):
        return [resolve(item, done) for item in value]
    if isinstance(value, dict):
        return {key: resolve(item, done) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(value)
    if whole:
        return value_at(done.get(whole[1], {}), whole[2])
    return REFERENCE.sub(lambda m: str(value_at(done.get(m[1], {}), m[2])), value)


def run_step(step, done, clients):
    values = {}
    for service, operation, parameters in step["theirs"]:
        client = clients(service)
        # The step's own earlier answers can be referred to as {{own.…}}.
        answer = getattr(client, operation)(**resolve(parameters, {**done, "own": values}))
        answer.pop("ResponseMetadata", None)
        values.update(answer)
    return values


def run_case(case, region):
    done, outcomes, cache = {}, {}, {}

    def clients(service):
        if service not in cache:
            cache[service] = boto3.client(service, region_name=region, config=CONFIG)
        return cache[service]

    # What moto draws must not decide whether the test passes.
    mock_random.seed(case["name"])
    with mock_aws():
        for step in case["steps"]:
            key = f"{case['name']}/{step['name']}"
            try:
                done[step["name"]] = run_step(step, done, clients)
                outcomes[key] = {"values": done[step["name"]]}
            except ClientError as error:
                outcomes[key] = {"error": error.response["Error"]["Code"], "message": str(error)}
            except ParamValidationError as error:
                outcomes[key] = {"error": "refused by boto3", "message": str(error)}
            except Exception as error:  # moto itself stumbled
                outcomes[key] = {"error": "moto failed", "message": f"{type(error).__name__}: {error}"}
    return outcomes


def plain(value):
    if hasattr(value, "strftime"):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if hasattr(value, "read"):
        return value.read().decode()
    return str(value)


def main():
    request = json.load(sys.stdin)
    outcomes = {}
    for case in request["cases"]:
        outcomes.update(run_case(case, request["region"]))
    json.dump(outcomes, sys.stdout, default=plain)


if __name__ == "__main__":
    main()
