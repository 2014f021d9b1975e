import { describe, expect, it } from "vitest";
import { awsProviderArgs, ProviderSettings } from "./provider.ts";

const STAND_IN = {
  skipCredentialsValidation: true,
  skipMetadataApiCheck: true,
  s3UsePathStyle: true,
  accessKey: expect.any(String),
  secretKey: expect.any(String),
};

describe("awsProviderArgs", () => {
  it("leaves credentials to the chain when nothing but the region is said", () => {
    expect(awsProviderArgs({ region: "eu-west-1" })).toEqual({ region: "eu-west-1" });
  });

  it("passes accounts, profile and the role on", () => {
    const assumeRole = {
      roleArn: "arn:aws:iam::1:role/x",
      externalId: "e",
      sessionName: "s",
      durationSeconds: 900,
    };
    const settings = { region: "eu-west-1", profile: "p", allowedAccountIds: ["123456789012"], assumeRole };
    expect(awsProviderArgs(settings)).toEqual({
      region: "eu-west-1",
      profile: "p",
      allowedAccountIds: ["123456789012"],
      assumeRoles: [
        { roleArn: "arn:aws:iam::1:role/x", externalId: "e", sessionName: "s", duration: "900s" },
      ],
    });
  });

  it("sends every service that the stacks call to one URL, with all that a stand-in needs", () => {
    const args = awsProviderArgs({ region: "eu-west-1", endpoints: "http://stand-in.example:4566" });
    expect(args).toMatchObject(STAND_IN);
    const [endpoints] = args.endpoints as Record<string, string>[];
    for (const service of ["ecs", "iam", "kms", "s3", "secretsmanager", "servicediscovery", "sqs", "sts"]) {
      expect(endpoints).toHaveProperty(service, "http://stand-in.example:4566");
    }
  });

  it("takes one URL per service", () => {
    const args = awsProviderArgs({ region: "eu-west-1", endpoints: { s3: "http://s3.example" } });
    expect(args).toMatchObject({ ...STAND_IN, endpoints: [{ s3: "http://s3.example" }] });
  });

  it("keeps real credentials for Amazon's own endpoints", () => {
    const endpoints = { sts: "https://sts-fips.us-east-1.amazonaws.com" };
    expect(awsProviderArgs({ region: "us-east-1", endpoints })).toEqual({
      region: "us-east-1",
      endpoints: [endpoints],
    });
    const lookalike = { sts: "https://sts.amazonaws.com.stand-in.example" };
    expect(awsProviderArgs({ region: "us-east-1", endpoints: lookalike })).toMatchObject(STAND_IN);
  });
});

describe("ProviderSettings", () => {
  it.each([
    [{ region: "europe" }],
    [{ region: "eu-west-1", allowedAccountIds: ["1"] }],
    [{ region: "eu-west-1", endpoints: "stand-in" }],
    [{ region: "eu-west-1", assumeRole: {} }],
    [{ region: "eu-west-1", key: "secret" }],
  ])("refuses %j", (settings) => {
    expect(ProviderSettings.safeParse(settings).success).toBe(false);
  });
});
