import { expect, it } from "vitest";
import { parseDeployment, recordedResources } from "./deployment.ts";

it("names what is in the cloud by ARN or else by id: no stack, provider, group or what is only read", () => {
  const resource = (type: string, more: object = {}) => ({
    ...{ urn: `urn:pulumi:s::p::${type}::x`, type, custom: true, id: "x-1" },
    ...more,
  });
  const resources = [
    resource("pulumi:pulumi:Stack", { custom: false }),
    resource("pulumi:providers:aws"),
    resource("tenantry:TenantServiceSet", { custom: false }),
    resource("aws:sqs/queue:Queue", { id: "https://queue", outputs: { arn: "arn:aws:sqs:::work" } }),
    resource("aws:appautoscaling/target:Target", { id: "service/a/b" }),
    resource("aws:ec2/vpc:Vpc", { external: true }),
    resource("aws:iam/role:Role", { id: "" }),
  ];
  expect(recordedResources(parseDeployment({ version: 3, deployment: { resources } }))).toEqual([
    { resourceType: "aws:sqs/queue:Queue", name: "arn:aws:sqs:::work" },
    { resourceType: "aws:appautoscaling/target:Target", name: "service/a/b" },
  ]);
});
