import type { OperationId } from "../../contract/routes.ts";
import type { Typed } from "./request.ts";

/** What is asked before it is done, as a sentence that ends with what will happen. */
export const CONFIRMED: Readonly<Partial<Record<string, (typed: Typed) => string>>> = {
  tenantSuspend: ({ tenant }) => `Suspend ${tenant}: its users are shut out until it is reactivated.`,
  tenantArchive: ({ tenant }) => `Archive ${tenant}: its workloads are removed, its data is moved.`,
  tenantDelete: ({ tenant }) => `Delete the draft ${tenant}.`,
  tenantDecommission: ({ tenant, immediately }) =>
    immediately === true
      ? `Destroy ${tenant} and all of its data now. This cannot be undone.`
      : `Decommission ${tenant}: it is blocked now, and destroyed when the grace period ends.`,
  legalHoldLift: ({ tenant }) => `Lift the legal hold on ${tenant}: its data may be deleted from then on.`,
  apiKeyRevoke: ({ "key-id": keyId }) => `Revoke the key ${keyId}: whoever uses it is refused at once.`,
  driftRepairCreate: () => "Repair drift: what differs in the cloud is set back to what is recorded.",
} satisfies Partial<Record<OperationId, (typed: Typed) => string>>;
