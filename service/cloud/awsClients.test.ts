import { describe, expect, it } from "vitest";
import { type AwsClientOptions, type AwsClients, createAwsClients } from "./awsClients.ts";

const place = { region: "eu-west-1", accountId: "123456789012" };

async function endpointsOf(endpoint: AwsClientOptions["endpoint"]) {
  const clients = createAwsClients(endpoint === undefined ? {} : { endpoint })(place);
  const of = async (name: keyof AwsClients) => {
    const found = await clients[name].config.endpoint?.();
    return found && `${found.protocol}//${found.hostname}`;
  };
  return { ecs: await of("ecs"), s3: await of("s3"), tagging: await of("tagging"), iam: await of("iam") };
}

describe("where AWS is asked", () => {
  it("is one URL for every service when there is one", async () => {
    const one = "http://one.example";
    expect(await endpointsOf(one)).toEqual({ ecs: one, s3: one, tagging: one, iam: one });
  });

  it("is each service's own URL, and AWS for those that have none", async () => {
    const endpoint = {
      ecs: "https://ecs.example",
      s3: "https://s3.example",
      resourcegroupstaggingapi: "https://tags.example",
    };
    expect(await endpointsOf(endpoint)).toEqual({
      ...{ ecs: "https://ecs.example", s3: "https://s3.example", tagging: "https://tags.example" },
      iam: undefined,
    });
  });

  it("puts a bucket's name in the path only where S3 has a URL of its own", async () => {
    const isPath = (endpoint: AwsClientOptions["endpoint"]) =>
      createAwsClients(endpoint === undefined ? {} : { endpoint })(place).s3.config.forcePathStyle;
    expect(isPath({ s3: "https://s3.example" })).toBe(true);
    expect(isPath({ ecs: "https://ecs.example" })).toBe(false);
  });
});
