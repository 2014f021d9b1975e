import { expect, it } from "vitest";
import type { PlaneInRegion } from "../../registry/residency.ts";
import { regionMap } from "./endpoints.ts";

const outputs = {
  databaseEndpoint: "db.cluster-1.eu-west-1.rds.amazonaws.com",
  databasePort: 5432,
  dataBucketName: "tenantry-dev-data",
  partition: "aws",
};
const plane = (name: string, more: Partial<PlaneInRegion> = {}): PlaneInRegion => ({
  ...{ name, environment: "dev", region: "eu-west-1", outputs },
  ...more,
});
const declared = {
  region: "eu-west-1",
  kind: "bucket",
  address: "s3://elsewhere",
  recordVersion: 1,
  updatedBy: "a",
  updatedAt: "b",
} as const;

it("tells what each plane of the region tells", () => {
  const planes = [plane("dev-eu-west-1"), plane("dev-us-east-1", { region: "us-east-1" })];
  expect(regionMap("eu-west-1", planes, [])).toEqual({
    region: "eu-west-1",
    planes: [{ planeName: "dev-eu-west-1", environment: "dev" }],
    endpoints: [
      {
        ...{ kind: "database", planeName: "dev-eu-west-1", source: "plane" },
        address: "db.cluster-1.eu-west-1.rds.amazonaws.com:5432",
      },
      {
        ...{ kind: "bucket", planeName: "dev-eu-west-1", source: "plane" },
        address: "https://tenantry-dev-data.s3.eu-west-1.amazonaws.com",
      },
      {
        ...{ kind: "logs", planeName: "dev-eu-west-1", source: "plane" },
        address: "https://logs.eu-west-1.amazonaws.com",
      },
    ],
  });
});

it("lets what is set by hand stand for all planes of the region, and of no other", () => {
  const planes = [plane("dev-eu-west-1"), plane("stage-eu-west-1", { environment: "stage" })];
  const buckets = regionMap("eu-west-1", planes, [declared]).endpoints.filter(
    ({ kind }) => kind === "bucket",
  );
  expect(buckets).toEqual([
    { kind: "bucket", address: "s3://elsewhere", planeName: null, source: "declared" },
  ]);
  const other = regionMap("us-east-1", [plane("dev-us-east-1", { region: "us-east-1" })], [declared]);
  expect(other.endpoints.map(({ source }) => source)).not.toContain("declared");
});

it("knows nothing of a plane whose outputs are incomplete, and China's own domain", () => {
  expect(regionMap("eu-west-1", [plane("dev-eu-west-1", { outputs: { region: 7 } })], []).endpoints).toEqual(
    [],
  );
  const china = plane("prod-cn-north-1", {
    region: "cn-north-1",
    outputs: { ...outputs, partition: "aws-cn" },
  });
  expect(regionMap("cn-north-1", [china], []).endpoints.at(-1)?.address).toBe(
    "https://logs.cn-north-1.amazonaws.com.cn",
  );
});
