import { expect, test } from "vitest";
import { AwsError, renderAwsError } from "./awsError.ts";

test.each([
  ["ECS", "ClusterNotFoundException", "RequestID: r, ClusterNotFoundException: gone"],
  ["EC2", "InvalidVpcID.NotFound", "RequestID: r, api error InvalidVpcID.NotFound: gone"],
  ["RDS", "InvalidParameterValue", "RequestID: r, api error InvalidParameterValue: gone"],
])("%s words %s as its SDK does", (service, code, text) => {
  const call = {
    verb: "creating",
    noun: "Thing",
    subject: "x",
    operation: "Create",
    requestId: "r",
  } as const;
  expect(renderAwsError(new AwsError(code, "gone"), { ...call, service })).toContain(text);
});
