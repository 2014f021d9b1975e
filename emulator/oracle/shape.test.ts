import { expect, test } from "vitest";
import { shapeOf } from "./shape.ts";

test.each([
  ["vpc-0a1b2c3d4e5f60718", "vpc-<17 hex>"],
  ["arn:aws:ecs:eu-west-1:123456789012:cluster/web", "arn:aws:ecs:eu-west-1:<account>:cluster/web"],
  ["AROAX3JQ2Z7LKM4N5P6QR", "AROA<17 of A-Z0-9>"],
  ["Z0123456789ABCDEFGHIJ", "Z<20 of A-Z0-9>"],
  ["arn:aws:kms:r:1:key/2f1b8c0e-0a5c-4f3e-9d57-1f0f7c0b9a11", "arn:aws:kms:r:1:key/<uuid>"],
  ["arn:aws:secretsmanager:r:1:secret:a/b-Xy12zQ", "arn:aws:secretsmanager:r:1:secret:a/b-<6 of a-zA-Z0-9>"],
  ["10.0.0.0/16", "10.0.0.0/16"],
  ["203.0.113.7", "<address>"],
  ["ec2-203-0-113-7.x", "ec2-<dashed address>.x"],
  ["2026-01-02T03:04:05Z", "<time>"],
  ["deadbeef", "deadbeef"],
  ["ns-0a1b2c3d4e5f6071", "ns-<16 of a-z0-9>"],
  ["ns-1309.awsdns-56.org", "ns-<number>.awsdns-<number>.<domain>"],
  [
    "plane.cluster-ro-cxyz0123abcd.eu-west-1.rds.amazonaws.com",
    "plane.cluster-ro-<12 of a-z0-9>.eu-west-1.rds.amazonaws.com",
  ],
  ["plane-1.cxyzabcdefgh.eu-west-1.rds.amazonaws.com", "plane-1.<12 of a-z0-9>.eu-west-1.rds.amazonaws.com"],
  [443, "443"],
  [true, "true"],
  ["", "<none>"],
  [[], "<none>"],
  ['{"b":1,"a":[]}', "{b: 1}"],
])("%s has the shape %s", (value, shape) => {
  expect(shapeOf(value)).toBe(shape);
});

test("the length of what is drawn at random counts", () => {
  expect(shapeOf("vpc-0a1b2c3d")).not.toBe(shapeOf("vpc-0a1b2c3d4e5f60718"));
});
