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

  it.each(["base64url", "base64"] as const)("includes random keys of 32 bytes in %s", (encoding) => {
    const misses = Array.from({ length: 500 }, () => randomBytes(32).toString(encoding)).filter(
      (key) => secretShapeOf(key) === undefined,
    );
    expect(misses.length).toBeLessThan(encoding === "base64" ? 100 : 25);
  });

  // Put together here, so that no scanner takes this file for a leak.
  it.each([
    ["a Google API key", ["AI", "za", "SyA1234567890abcdefghijklmnopqrstuv"]],
    ["an Azure account key", ["AccountName=a;AccountKey=", "QmFzZTY0".repeat(10), "=="]],
    ["a GitLab token", ["glp", "at-", "abcdefghij0123456789"]],
    [
      "a Slack webhook",
      ["https://hooks.slack.com/services/", "T0000000/B0000000/", "abcdefghijklmnop01234567"],
    ],
    ["a webhook secret", ["whs", "ec_", "abcdefghijklmnopqrstuvwxyz012345"]],
    ["a mail service's key", ["SG", ".", "abcdefghijklmnop12.abcdefghijklmnopqrstuvwx"]],
    ["a package registry's token", ["npm", "_", "abcdefghijklmnopqrstuvwxyz0123456789"]],
    ["a Hugging Face token", ["hf", "_", "abcdefghijklmnopqrstuvwxyzABCDEFGH"]],
    ["a Vault token", ["hvs", ".", "abcdefghijklmnopqrstuvwxyz0123"]],
    ["a Databricks token", ["dapi", "0123456789abcdef0123456789abcdef"]],
    ["a cloud token", ["dop", "_v1_", "0123456789abcdef".repeat(4)]],
    ["a member with a secret", ['{"user":"a","pass', 'word":"hunter2"}']],
    ["an Authorization header", ["Authorization: Bea", "rer abcdef0123456789"]],
  ])("is told as %s, alone and within a sentence", (name, parts) => {
    const value = parts.join("");
    expect(secretShapeOf(value)).toBe(name);
    expect(secretShapeOf(`it says "${value}" there`)).toBe(name);
  });

  it("is found when it was wrapped in base64", () => {
    const wrapped = Buffer.from("postgres://admin:hunter2@db.internal:5432/acme").toString("base64url");
    expect(secretShapeOf(wrapped)).toBe("a URL with a password");
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
    "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    Buffer.from(
      JSON.stringify(["2026-03-01T09:30:00.000Z", "01939c5e-7b1a-7000-8a4e-3c1d5f6a7b8c"]),
    ).toString("base64url"),
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tenants/exports/01J9ZQ4K8V6T2M5N7P3R1S0WXY/Report-Q1-Final.pdf",
    "s3://acme-exports/2026/03/01/part-00000-of-00017.snappy.parquet",
    "ApplicationLoadBalancerListenerRule2TargetGroupArn",
    "com.acme.billing.invoices.InvoiceLineItemRepositoryImpl2Test",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:tenants/acme/iam-service/smtp-AbCdEf",
    "max_tokens=4096 temperature=0.2",
    "https://acme.example/callback?state=abc&code_challenge_method=S256",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Password must have at least 12 characters",
    "token expired; sign in again",
    "keyboard-interactive, publickey, password",
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
    "nextToken",
    "page_token",
    "secretRefs",
    "KEY",
    "",
  ])("do not include %s", (name) => {
    expect(namesSecret(name)).toBe(false);
  });
});
