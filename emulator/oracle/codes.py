"""Prints what is known of AWS's APIs from elsewhere than our own sources.

Reads {"services": ["ecs", ...]} from standard input and writes, per service, to standard output:
{"serviceId": "ECS", "operations": {"CreateService": [codes it can answer with]}, "errors": [codes], "moto": [codes]}.
The first three are the API model that AWS publishes (as botocore carries it); the last are texts in moto's sources that
look like codes, which its authors saw on AWS.
"""

import json
import os
import re
import sys

import botocore.session
import moto

CODE = re.compile(r'"([A-Z][A-Za-z]+(?:\.[A-Za-z]+)*)"')
# Where moto's folder is named otherwise than the service.
FOLDERS = {"application-autoscaling": "applicationautoscaling"}
# SQS moved from the query protocol to JSON and kept the old codes on the wire; botocore's model lost them.
QUERY_CODES = {
    "QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
}


def code_of(shape):
    return QUERY_CODES.get(shape.name, shape.metadata.get("error", {}).get("code", shape.name))


def model_of(session, service):
    model = session.get_service_model(service)
    shapes = (model.shape_for(name) for name in model.shape_names)
    operations = {name: model.operation_model(name).error_shapes for name in model.operation_names}
    return {
        "serviceId": str(model.service_id),
        "operations": {name: sorted(code_of(shape) for shape in shapes) for name, shapes in operations.items()},
        "errors": sorted({code_of(shape) for shape in shapes if shape.metadata.get("exception")}),
    }


def codes_of_moto(service):
    folder = os.path.join(os.path.dirname(moto.__file__), FOLDERS.get(service, service))
    codes = set()
    for name in ("exceptions.py", "models.py", "responses.py"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                codes.update(CODE.findall(file.read()))
    return sorted(codes)


def main():
    request = json.load(sys.stdin)
    session = botocore.session.get_session()
    answer = {name: {**model_of(session, name), "moto": codes_of_moto(name)} for name in request["services"]}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
