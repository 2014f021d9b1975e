import { z } from "zod";
import { archiveManifestSchema } from "../../contract/archive.ts";
import type { DumpFolder } from "../database/objectDump.ts";
import { type DataPlace, dataPlaceOf } from "./dataPlace.ts";
import { StepError, type StepRun } from "./saga.ts";

/** Where an archive lies and what is in it: what `verify_archive` has found, and what a restore is given. */
export const ArchiveFacts = z.object({
  bucket: z.string().min(1),
  /** Ends in a slash; everything below it belongs to this archive. */
  prefix: z.string().endsWith("/"),
  manifest: archiveManifestSchema,
});
export type ArchiveFacts = z.infer<typeof ArchiveFacts>;

export interface Folder {
  readonly bucket: string;
  readonly prefix: string;
}

/** Named after the operation, so that each archive has a folder of its own and a repeat writes into the same. */
export function newArchive(run: StepRun, { archiveBucket }: DataPlace): Folder {
  const { target, causeId } = run;
  if (archiveBucket === undefined) {
    throw new StepError(
      "plane_incomplete",
      `Cannot archive: the plane ${target.planeName} must have an archive bucket, and was made before planes had one. ` +
        "Run `pulumi up` on the plane's stack, record the plane again, then archive.",
    );
  }
  const prefix = `archives/${target.tenantId}/${target.targetId}/${causeId}/`;
  return { bucket: archiveBucket, prefix };
}

/** The archive that an earlier step of this run has found (`find_archive`) or made (`verify_archive`). */
export function archiveOf(run: StepRun): ArchiveFacts | undefined {
  const parsed = ArchiveFacts.safeParse(run.results.find_archive ?? run.results.verify_archive);
  return parsed.success ? parsed.data : undefined;
}

export function needArchive(run: StepRun): ArchiveFacts {
  const archive = archiveOf(run);
  if (archive === undefined)
    throw new Error("Cannot restore: an earlier step must have found or made the archive");
  return archive;
}

export function dumpFolder({ cloud }: DataPlace, { bucket, prefix }: Folder): DumpFolder {
  return { place: cloud, bucket, prefix: `${prefix}database/` };
}

export function objectsFolder({ bucket, prefix }: Folder): Folder {
  return { bucket, prefix: `${prefix}objects/` };
}

/** One part at a time: undoing one step must not take away what the step before it has made. */
export async function deleteFromNewArchive(run: StepRun, part: "database" | "objects"): Promise<void> {
  const data = await dataPlaceOf(run);
  if (data.archiveBucket === undefined) return;
  const { bucket, prefix } = newArchive(run, data);
  await run.service.cloud.deleteObjects({ ...data.cloud, bucket, prefix: `${prefix}${part}/` });
}
