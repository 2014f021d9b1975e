import type { OperationKind } from "../../contract/vocabulary.ts";
import { driftRepair } from "./driftRepair.ts";
import type { Saga } from "./saga.ts";
import { tenantActivate } from "./tenantActivate.ts";
import { tenantArchive } from "./tenantArchive.ts";
import { tenantDecommission } from "./tenantDecommission.ts";
import { tenantDeploy } from "./tenantDeploy.ts";
import { tenantReactivate } from "./tenantReactivate.ts";
import { tenantRestore } from "./tenantRestore.ts";
import { tenantRotateCredentials } from "./tenantRotateCredentials.ts";
import { tenantSuspend } from "./tenantSuspend.ts";

export const sagas: Readonly<Record<OperationKind, Saga>> = {
  tenant_activate: tenantActivate,
  tenant_deploy: tenantDeploy,
  tenant_suspend: tenantSuspend,
  tenant_reactivate: tenantReactivate,
  tenant_archive: tenantArchive,
  tenant_restore: tenantRestore,
  tenant_decommission: tenantDecommission,
  tenant_rotate_credentials: tenantRotateCredentials,
  drift_repair: driftRepair,
};
