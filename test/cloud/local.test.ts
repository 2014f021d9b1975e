import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLocalCloudRuntime } from "../../service/cloud/localCloudRuntime.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { openWorld } from "../engine/world.ts";
import { describeCloudRuntime } from "./contract.ts";
import { type DataWorld, describeCloudData } from "./dataContract.ts";
import { ARCHIVE_BUCKET, BUCKET, CLUSTER, DATABASE, OTHER_TENANT } from "./seedProgram.ts";

const REGION = "eu-west-1";

interface LocalWorld extends DataWorld {
  readonly controlUrl: string;
}

/** One for the whole file: three would be three engines. */
let opened: Promise<LocalWorld> | undefined;
afterAll(async () => (await opened)?.close());
const openShared = async (): Promise<LocalWorld> => {
  opened ??= openLocal();
  return { ...(await opened), close: async () => undefined };
};

async function openLocal(): Promise<LocalWorld> {
  const programModule = fileURLToPath(new URL("./seedProgram.ts", import.meta.url));
  const world = await openWorld({ workers: 1, programModule });
  const spec = tenantSpec({ region: REGION });
  await world.engine.up(spec);
  await world.engine.up(tenantSpec({ region: REGION, releaseNumber: 2 }));
  await world.engine.up(tenantSpec({ region: REGION, tenantId: OTHER_TENANT }));
  return {
    runtime: createLocalCloudRuntime({ controlUrl: async () => world.controlUrl }),
    ...{ region: REGION, cluster: CLUSTER, tenantId: spec.tenant.tenantId, otherTenantId: OTHER_TENANT },
    ...{ bucket: BUCKET, archiveBucket: ARCHIVE_BUCKET, emptySecret: "empty", databaseCluster: DATABASE },
    accountId: await accountOf(world.controlUrl),
    settles: true,
    controlUrl: world.controlUrl,
    close: world.close,
  };
}

async function accountOf(controlUrl: string): Promise<string> {
  const status = await (await fetch(`${controlUrl}/v1/status`)).json();
  return (status as { accountId: string }).accountId;
}

describeCloudRuntime("the local cloud", openShared);
describeCloudData("the local cloud", openShared);

it("tells a local cloud that does not answer", async () => {
  const runtime = createLocalCloudRuntime({ controlUrl: async () => "http://127.0.0.1:9" });
  const asked = runtime.listByTag({ region: REGION, tags: { "tenantry:tenant-id": OTHER_TENANT } });
  await expect(asked).rejects.toMatchObject({ code: "cloud_unreachable", retryable: true });
});

it("tells the limits that its profile sets", async () => {
  const { runtime, controlUrl, accountId } = await openShared();
  const profile = await (await fetch(`${controlUrl}/v1/profile`)).json();
  const quotas = { iam_roles: 7, fargate_vcpus: 1.5 };
  const body = JSON.stringify({ ...(profile as object), quotas });
  await fetch(`${controlUrl}/v1/profile`, {
    method: "PUT",
    body,
    headers: { "content-type": "application/json" },
  });
  const where = {
    region: REGION,
    accountId,
    cluster: CLUSTER,
    subnetIds: [],
    listenerArn: "",
    loadBalancerArn: "",
  };
  const usages = await runtime.usage(where);
  const limitOf = (name: string) => usages.find((usage) => usage.name === name)?.limit;
  expect([limitOf("iam_roles"), limitOf("fargate_vcpus"), limitOf("secrets")]).toEqual([7, 1.5, 500_000]);
});

describe("a database of the local cloud", () => {
  let world: LocalWorld;
  beforeAll(async () => {
    world = await openShared();
  });

  const query = () => ({
    ...{ region: REGION, accountId: world.accountId, clusterIdentifier: world.databaseCluster },
    ...{ endpoint: "plane-database.cluster-c1.eu-west-1.rds.amazonaws.com", port: 5432 },
  });
  const masterSecretArn = async () => {
    const [cluster] = await world.runtime
      .listByTag({ region: REGION, tags: {} })
      .then((found) => found.filter(({ type }) => type === "rds:cluster"));
    const url = new URL("/v1/resources/one", world.controlUrl);
    url.search = new URLSearchParams({ type: "aws:rds/cluster:Cluster", id: cluster?.id ?? "" }).toString();
    const { properties } = (await (await fetch(url)).json()) as {
      properties: { masterUserSecrets: { secretArn: string }[] };
    };
    return properties.masterUserSecrets[0]?.secretArn ?? "";
  };

  it("is a PostgreSQL that its master user can log in to, at the same address each time", async () => {
    const address = await world.runtime.databaseAddress(query());
    expect(address).toMatchObject({ host: "127.0.0.1", tls: false });
    expect(await world.runtime.databaseAddress(query())).toEqual(address);
    const value = await world.runtime.readSecret({ ...query(), secretId: await masterSecretArn() });
    const { username, password } = JSON.parse(value ?? "");
    const client = new pg.Client({ ...address, ssl: false, user: username, password, database: "tenantry" });
    await client.connect();
    const { rows } = await client.query(
      "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user",
    );
    expect(rows).toEqual([{ rolsuper: false, rolcreaterole: true, rolcreatedb: true }]);
    await client.end();
  });

  it("is not found under another name, nor in another account", async () => {
    const other = { ...query(), clusterIdentifier: "another" };
    await expect(world.runtime.databaseAddress(other)).rejects.toMatchObject({ code: "database_not_found" });
    const foreign = { ...query(), accountId: "999999999999" };
    await expect(world.runtime.databaseAddress(foreign)).rejects.toMatchObject({
      code: "database_not_found",
    });
    const objects = { region: REGION, accountId: "999999999999", bucket: BUCKET, prefix: "x/" };
    await expect(world.runtime.listObjects(objects)).rejects.toMatchObject({ code: "cloud_refused" });
  });
});
