"""Prints what AWS publishes of resource types: CloudFormation's schemas, as cfn-lint carries them.

Reads {"region": ..., "types": ["AWS::ECS::Service", ...]} from standard input and writes, per type that has a schema,
{"createOnly": [...], "conditional": [...], "properties": {name: {"maxLength": n}}} to standard output. `createOnly`
replaces always, `conditional` in some cases.
"""

import json
import os
import sys

import cfnlint

FOLDER = os.path.join(os.path.dirname(cfnlint.__file__), "data", "schemas")


def load(*path):
    with open(os.path.join(FOLDER, *path), encoding="utf-8") as file:
        return json.load(file)


def top_level(pointers):
    """Names of whole properties: "/properties/Name", not "/properties/Options/Inner"."""
    names = (pointer.removeprefix("/properties/") for pointer in pointers)
    return sorted(name for name in names if "/" not in name)


def summary(schema):
    properties = {
        name: {"maxLength": property["maxLength"]} if "maxLength" in property else {}
        for name, property in schema["properties"].items()
    }
    return {
        "createOnly": top_level(schema.get("createOnlyProperties", [])),
        "conditional": top_level(schema.get("conditionalCreateOnlyProperties", [])),
        "properties": properties,
    }


def main():
    request = json.load(sys.stdin)
    files = load("providers", f"{request['region']}.json")
    known = (name for name in request["types"] if name in files)
    json.dump({name: summary(load("resources", f"{files[name]}.json")) for name in known}, sys.stdout)


if __name__ == "__main__":
    main()
