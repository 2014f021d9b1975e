import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { namesSecret, secretShapeOf } from "./secretShape.ts";

describe("what looks like a secret", () => {
  it.each([
    ["an AWS access key", "AKIAIOSFODNN7EXAMPLE"],
    ["a private key", "-----BEGIN EC PRIVATE KEY-----\nMHcC"],
    ["a GitHub token", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"],
    ["a Slack token", "xoxb-123456789012-abcdef"],
    ["a provider key", "sk-proj-abcdefghijklmnopqrstuvwx"],
    ["a JSON web token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln"],
    ["a URL with a password", "postgres://admin:hunter2@db.internal:5432/acme"],
    ["a connection string with a password", "Server=db;Password=hunter2"],
    ["a Tenantry key", `tk_abcdefghijkl_${"aB3".repeat(14)}x`],
  ])("is told as %s", (name, value) => {
    expect(secretShapeOf(value)).toBe(name);
    expect(secretShapeOf(`use ${value} here`)).toBe(name);
  });

  it("includes random keys of 32 bytes", () => {
    const misses = Array.from({ length: 200 }, () => randomBytes(32).toString("base64url")).filter(
      (key) => secretShapeOf(key) === undefined,
    );
    expect(misses.length).toBeLessThan(10);
  });

  it.each([
    "info",
    "https://api.example.com/v1/items?limit=10",
    "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "arn:aws:iam::123456789012:role/tenantry-controller-dev-eu-west-1",
    "registry.example/iam-service@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "urn:pulumi:dev-eu-west-1-1::tenant-0b9f6c0e::tenantry:TenantServiceSet$aws:ecs/service:Service::iam-service",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "The quick brown fox jumps over the lazy dog 12 times",
  ])("does not include %s", (value) => {
    expect(secretShapeOf(value)).toBeUndefined();
  });
});

describe("names of secrets", () => {
  it.each([
    "DB_PASSWORD",
    "stripeApiKey",
    "API_KEY",
    "client-secret",
    "authToken",
    "aws.secret.access.key",
    "PWD",
  ])("include %s", (name) => {
    expect(namesSecret(name)).toBe(true);
  });

  it.each([
    "MAX_TOKENS",
    "TOKEN_TTL_SECONDS",
    "PASSWORD_MIN_LENGTH",
    "keyId",
    "partitionKey",
    "secretRefs",
    "KEY",
    "",
  ])("do not include %s", (name) => {
    expect(namesSecret(name)).toBe(false);
  });
});
