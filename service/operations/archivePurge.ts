import type { Archive } from "../../contract/archive.ts";
import { archiveGet, archiveMark, archivesExpired } from "../../registry/archive.ts";
import { planeGet } from "../../registry/plane.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { limits } from "../config/limits.ts";
import { cloudPlace } from "./dataPlace.ts";

/**
 * The end of archives' retention: again and again the oldest that nobody needs any more are deleted, object by object, and then marked.
 * A cut in between leaves an archive that is deleted once more. It never touches the archive of a tenant that lives
 * in it, nor one under legal hold; an archive that cannot be deleted does not stop the others.
 */
type Purging = Pick<ServiceContext, "registry" | "cloud" | "settings" | "log">;

export async function purgeArchives(service: Purging, now: string): Promise<void> {
  const expired = await service.registry.read((db) => archivesExpired(db, now, limits.archivesPurgedAtOnce));
  for (const archive of expired) {
    try {
      await purge(service, archive);
    } catch (thrown) {
      const { archiveId } = archive;
      service.log.warn({ err: thrown, archiveId }, "cannot delete an archive past its retention");
    }
  }
}

async function purge(
  service: Purging,
  { archiveId, tenantId, planeName, bucket, prefix }: Archive,
): Promise<void> {
  const plane = await service.registry.read((db) => planeGet(db, planeName));
  const { legalHold } = await service.registry.read((db) => tenantGet(db, tenantId));
  if (legalHold !== null) return;
  await service.cloud.deleteObjects({ ...cloudPlace(plane, service.settings), bucket, prefix });
  const cause = { requestId: "archive-retention", correlationId: archiveId };
  await service.registry.change(
    controllerFor(cause),
    async (change) => {
      const { state } = await archiveGet(change.db, archiveId);
      if (state !== "deleted") await archiveMark(change, archiveId, "deleted", "its retention has ended");
    },
    { tenantId },
  );
}
