import { expect, it } from "vitest";
import type { CloudResource } from "../cloud/cloudRuntime.ts";
import { unmanagedObjects } from "./unmanaged.ts";

const object = (arn: string, type: string, state: CloudResource["state"] = "present"): CloudResource => ({
  ...{ arn, type, state },
  id: arn.slice(arn.lastIndexOf("/") + 1),
});
const task = (revision: number) => `arn:aws:ecs:eu-west-1:1:task-definition/web:${revision}`;

it("tells what carries the tag and no state records, by ARN or by id", () => {
  const stray = object("arn:aws:sqs:eu-west-1:1:stray", "sqs:queue");
  const held = [stray, object("arn:aws:ec2:eu-west-1:1:security-group/sg-1", "ec2:security-group")];
  expect(unmanagedObjects([...held, object("arn:x", "iam:role")], new Set(["arn:x", "sg-1"]))).toEqual([
    {
      urn: "urn:tenantry:unmanaged::arn:aws:sqs:eu-west-1:1:stray",
      resourceType: "sqs:queue",
      logicalName: "arn:aws:sqs:eu-west-1:1:stray",
      physicalId: stray.arn,
      kind: "unmanaged",
      properties: [],
    },
  ]);
});

it("leaves out what the cloud makes by itself, what is on its way out, and older revisions of what is recorded", () => {
  const held = [
    object("arn:aws:ecs:eu-west-1:1:task/web/1", "ecs:task"),
    object(
      "arn:aws:secretsmanager:eu-west-1:1:secret:old",
      "secretsmanager:secret",
      "scheduled_for_deletion",
    ),
    object(task(1), "ecs:task-definition"),
  ];
  expect(unmanagedObjects(held, new Set([task(2)]))).toEqual([]);
  expect(unmanagedObjects(held, new Set())).toHaveLength(1);
});
