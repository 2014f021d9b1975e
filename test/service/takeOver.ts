import { randomUUID } from "node:crypto";
import type { TestService } from "./harness.ts";

/** As another host's process does when the lease has run out. It is not on record, so that nobody proves it dead and takes over in turn. */
export async function takeOver(service: TestService, operationId: string): Promise<void> {
  await service.registry().record(async ({ db, now }) => {
    await db
      .updateTable("operations")
      .set((eb) => ({
        leaseOwner: randomUUID(),
        leaseExpiresAt: new Date(Date.parse(now) + 600_000).toISOString(),
        fencingToken: eb("fencingToken", "+", 1),
      }))
      .where("operationId", "=", operationId)
      .execute();
  });
}
