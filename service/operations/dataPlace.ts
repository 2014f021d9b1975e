import { z } from "zod";
import type { Plane } from "../../contract/plane.ts";
import { planeGet } from "../../registry/plane.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import { OwnData, tenantData } from "../../stacks/tenant/data.ts";
import type { CloudPlace } from "../cloud/cloudRuntime.ts";
import type { Settings } from "../config.ts";
import type { DatabasePlace, TenantDatabase } from "../database/tenantDatabases.ts";
import { stackOf } from "./engineRun.ts";
import { hasCode } from "./failure.ts";
import { automationRole } from "./resolveSpec.ts";
import type { StepRun } from "./saga.ts";

/** Where the cloud is asked about a plane, and as whom. */
export function cloudPlace(plane: Plane, settings: Settings): CloudPlace {
  const { region, accountId } = plane;
  return { region, accountId, ...automationRole(plane, settings) };
}

/** Where the data of a run's target lies, from what is recorded: it needs no step before it. */
export interface DataPlace {
  /** With the run's permit, as is `databasePlace`: whoever has lost the operation does nothing more there. */
  readonly cloud: CloudPlace;
  readonly bucket: string;
  readonly isOwnBucket: boolean;
  readonly prefix: string;
  /** Undefined on a plane that was made before it could keep archives. */
  readonly archiveBucket: string | undefined;
  readonly clusterName: string;
  readonly databasePlace: DatabasePlace;
  readonly database: TenantDatabase;
}

export async function dataPlaceOf(run: StepRun): Promise<DataPlace> {
  const { target, service } = run;
  const [tenant, plane] = await service.registry.read((db) =>
    Promise.all([tenantGet(db, target.tenantId), planeGet(db, target.planeName)]),
  );
  const outputs = parsePlaneOutputs(plane.outputs);
  const { tenantId, environment, planeName, generation } = target;
  const identity = { tenantId, slug: tenant.slug, environment, planeName, generation };
  const data = tenantData(identity, outputs, await ownDataOf(run));
  const cloud = { ...cloudPlace(plane, service.settings), permit: run.permit };
  const { isOwn, ...cluster } = data.database;
  return {
    cloud,
    bucket: data.bucketName,
    isOwnBucket: data.bucketName !== outputs.dataBucketName,
    prefix: data.storagePrefix,
    archiveBucket: outputs.archiveBucketName,
    clusterName: deployedCluster(run) ?? target.clusterName ?? outputs.clusterName,
    databasePlace: { ...cloud, ...cluster },
    database: {
      ...{ tenantId, generation, secretNames: data.secretNames },
      layout: isOwn ? "database" : "schema",
    },
  };
}

/** The target's record follows when the operation ends. */
function deployedCluster(run: StepRun): string | undefined {
  const outputs = z.object({ clusterName: z.string() }).safeParse(run.results.deploy?.outputs);
  return outputs.data?.clusterName;
}

/** From this run's deployment or from the stack's state; a target without a stack has nothing of its own. */
async function ownDataOf(run: StepRun): Promise<OwnData> {
  const deployed = run.results.deploy?.outputs;
  if (deployed !== undefined) return OwnData.parse(deployed);
  try {
    return OwnData.parse(await run.service.engine.outputs(stackOf(run)));
  } catch (thrown) {
    if (hasCode(thrown, "stack_not_found")) return {};
    throw thrown;
  }
}
