import { expect, test } from "vitest";
import { policyFault } from "./policyDocument.ts";

const allow = { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::data/*" };
const policy = (...statements: object[]) => JSON.stringify({ Version: "2012-10-17", Statement: statements });

test("a usual policy of each kind passes", () => {
  const assume = {
    Effect: "Allow",
    Action: "sts:AssumeRole",
    Principal: { Service: "ecs-tasks.amazonaws.com" },
  };
  expect(policyFault(policy(allow), "identity")).toBeUndefined();
  expect(policyFault(policy(assume), "trust")).toBeUndefined();
  expect(policyFault(policy({ ...allow, Principal: "*" }), "resource")).toBeUndefined();
});

test.each([
  ["{", "identity", "invalid Json"],
  ["[]", "identity", "Syntax errors"],
  [JSON.stringify({ Version: "2020-01-01", Statement: [allow] }), "identity", "valid version"],
  [JSON.stringify({ Version: "2012-10-17" }), "identity", "Syntax errors"],
  [policy({ ...allow, Effect: "allow" }), "identity", "Syntax errors"],
  [policy({ Effect: "Allow", Resource: "*" }), "identity", "must contain actions"],
  [policy({ ...allow, Action: "GetObject" }), "identity", "prefaced by a vendor"],
  [policy({ Effect: "Allow", Action: "s3:*" }), "identity", "must contain resources"],
  [policy({ ...allow, Resource: "bucket" }), "identity", "ARN format"],
  [policy({ ...allow, Principal: "*" }), "identity", "should not specify a principal"],
  [policy(allow), "resource", "Principal"],
  [policy({ ...allow, Principal: "*" }), "trust", "prohibited field Resource"],
  [policy({ ...allow, Sid: "a" }, { ...allow, Sid: "a" }), "identity", "must be unique"],
  [policy({ ...allow, Sid: "a-b" }), "identity", "alpha-numeric"],
] as const)("%s as %s policy: %s", (document, kind, fault) => {
  expect(policyFault(document, kind)).toContain(fault);
});
