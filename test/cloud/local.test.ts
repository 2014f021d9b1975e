import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { createLocalCloudRuntime } from "../../service/cloud/localCloudRuntime.ts";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { openWorld } from "../engine/world.ts";
import { type CloudWorld, describeCloudRuntime } from "./contract.ts";
import { CLUSTER, OTHER_TENANT } from "./seedProgram.ts";

const REGION = "eu-west-1";

describeCloudRuntime("the local cloud", async (): Promise<CloudWorld> => {
  const programModule = fileURLToPath(new URL("./seedProgram.ts", import.meta.url));
  const world = await openWorld({ workers: 1, programModule });
  const spec = tenantSpec({ region: REGION });
  await world.engine.up(spec);
  await world.engine.up(tenantSpec({ region: REGION, releaseNumber: 2 }));
  await world.engine.up(tenantSpec({ region: REGION, tenantId: OTHER_TENANT }));
  return {
    runtime: createLocalCloudRuntime({ controlUrl: async () => world.controlUrl }),
    ...{ region: REGION, cluster: CLUSTER, tenantId: spec.tenant.tenantId, otherTenantId: OTHER_TENANT },
    settles: true,
    close: world.close,
  };
});

it("tells a local cloud that does not answer", async () => {
  const runtime = createLocalCloudRuntime({ controlUrl: async () => "http://127.0.0.1:9" });
  const asked = runtime.listByTag({ region: REGION, tags: { "tenantry:tenant-id": OTHER_TENANT } });
  await expect(asked).rejects.toMatchObject({ code: "cloud_unreachable", retryable: true });
});
