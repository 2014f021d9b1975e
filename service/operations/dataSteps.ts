import type { CloudErrorCode } from "../cloud/cloudRuntime.ts";
import { objectSink, objectSource } from "../database/objectDump.ts";
import {
  type ArchiveFacts,
  deleteFromNewArchive,
  dumpFolder,
  needArchive,
  newArchive,
  objectsFolder,
} from "./archivePlace.ts";
import { dataPlaceOf } from "./dataPlace.ts";
import { hasCode } from "./failure.ts";
import { type Step, StepError, type StepRun } from "./saga.ts";

/**
 * The steps on a tenant's data, ready to be put into sagas. Each finds out by itself where the data lies (dataPlace.ts), so
 * that an undo needs no result of an earlier step.
 *
 * Bringing up: deploy, provision_database, restart_services. Archiving: close_database, dump_database, archive_objects,
 * verify_archive, then drop_database and delete_objects, whose undo brings everything back from the archive. Restoring: a
 * step `find_archive` (it gives `ArchiveFacts`), deploy, provision_database, restore_database, restore_objects.
 */

/** After the engine and before anything waits for the services: their secrets have no value until then. */
export const provisionDatabaseStep: Step = {
  name: "provision_database",
  idempotence: "It makes what is missing, and credentials that the tenant's secrets hold already are kept.",
  async run(run) {
    const { databasePlace, database } = await dataPlaceOf(run);
    const made = await run.service.databases.provision(databasePlace, database, run.causeId);
    await run.say(`${made.created ? "Made" : "Found"} schema ${made.schema} in database ${made.database}`);
    return { ...made };
  },
  async undo(run) {
    const { databasePlace, database } = await dataPlaceOf(run);
    await run.service.databases.unprovision(databasePlace, database, run.causeId);
  },
};

/** Before `restart_services`. The login of before goes on until the next rotation, so tasks can be replaced in peace. */
export const rotatePasswordStep: Step = {
  name: "rotate_password",
  idempotence:
    "The secrets say which operation wrote them; a repeat finishes that rotation and begins no other.",
  async run(run) {
    const { databasePlace, database } = await dataPlaceOf(run);
    const { role } = await run.service.databases.rotatePassword(databasePlace, database, run.causeId);
    await run.say(`The tenant's services log in as ${role} from now on`);
    return { role };
  },
};

/** Tasks read their secrets when they start; those that started before there was a value start again. */
export const restartServicesStep: Step = {
  name: "restart_services",
  idempotence: "Tasks are replaced once more, one after the other, without an interruption.",
  async run(run) {
    const written = run.results.provision_database?.credentialsWritten ?? true;
    if (written !== true) return { skipped: true };
    const { cloud, clusterName } = await dataPlaceOf(run);
    const { tenantId } = run.target;
    const { services } = await run.service.cloud.restartServices({
      ...cloud,
      cluster: clusterName,
      tenantId,
    });
    await run.say(`${services} services start anew with their credentials`);
    return { services };
  },
};

/** Nothing may write between a dump and the drop. */
export const closeDatabaseStep: Step = {
  name: "close_database",
  idempotence: "A login that is forbidden stays forbidden.",
  run: (run) => setLogin(run, false),
  undo: async (run) => void (await setLogin(run, true)),
};

export const openDatabaseStep: Step = {
  name: "open_database",
  idempotence: "A login that is allowed stays allowed.",
  run: (run) => setLogin(run, true),
  undo: async (run) => void (await setLogin(run, false)),
};

async function setLogin(run: StepRun, allowed: boolean): Promise<Record<string, unknown>> {
  const { databasePlace, database } = await dataPlaceOf(run);
  const set = () => run.service.databases.setLogin(databasePlace, database, allowed);
  await unlessGone(!allowed && database.layout === "database", set, undefined);
  return { allowed };
}

/**
 * The tenant's own cluster or bucket may be gone already with a destruction that failed after it; what lay there is gone
 * with it. One that is shared must be there.
 */
async function unlessGone<T>(isOwn: boolean, work: () => Promise<T>, gone: T): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (isOwn && GONE.some((code) => hasCode(thrown, code))) return gone;
    throw thrown;
  }
}

/** RDS takes a cluster's secret away with it. */
const GONE: readonly CloudErrorCode[] = ["secret_not_found", "database_not_found", "bucket_not_found"];

export const dumpDatabaseStep: Step = {
  name: "dump_database",
  idempotence: "It writes the same objects of this operation's archive again, as of a later moment.",
  async run(run) {
    const data = await dataPlaceOf(run);
    const archive = newArchive(run, data);
    const sink = objectSink(run.service.cloud, dumpFolder(data, archive));
    const { tables, digest } = await run.service.databases.dump(data.databasePlace, data.database, sink);
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    await run.say(`${tables.length} tables with ${rows} rows are in the archive`);
    return { ...archive, tables: tables.length, rows, digest };
  },
  undo: (run) => deleteFromNewArchive(run, "database"),
};

export const archiveObjectsStep: Step = {
  name: "archive_objects",
  idempotence: "It copies the same objects to the same place again.",
  async run(run) {
    const data = await dataPlaceOf(run);
    const to = objectsFolder(newArchive(run, data));
    const from = { bucket: data.bucket, prefix: data.prefix };
    const copied = await run.service.cloud.copyObjects({ ...data.cloud, from, to });
    await run.say(`${copied.objects} objects (${copied.bytes} bytes) are in the archive`);
    return { ...copied };
  },
  undo: (run) => deleteFromNewArchive(run, "objects"),
};

/** Reads the whole archive back and compares it with what was written, and the objects with those they came from. */
export const verifyArchiveStep: Step = {
  name: "verify_archive",
  idempotence: "It only reads.",
  async run(run) {
    const { cloud, databases } = run.service;
    const data = await dataPlaceOf(run);
    const archive = newArchive(run, data);
    const dumped = await databases.verifyDump(objectSource(cloud, dumpFolder(data, archive)));
    const archived = await cloud.digestObjects({ ...data.cloud, ...objectsFolder(archive) });
    const live = await cloud.digestObjects({ ...data.cloud, bucket: data.bucket, prefix: data.prefix });
    if (dumped.digest !== run.results.dump_database?.digest) throw differs("the dump");
    if (archived.digest !== live.digest) throw differs("the copied objects");
    await run.say("The archive is whole: its checksums are those of the live data");
    const rows = dumped.tables.reduce((sum, table) => sum + table.rows, 0);
    return {
      ...archive,
      manifest: {
        formatVersion: 1,
        database: { tables: dumped.tables.length, rows, digest: dumped.digest },
        objects: { count: archived.objects, bytes: archived.bytes, digest: archived.digest },
      },
    } satisfies ArchiveFacts;
  },
};

export const restoreDatabaseStep: Step = {
  name: "restore_database",
  idempotence: "It replaces the tenant's tables by the archive's in one transaction.",
  run: restoreDatabase,
};

async function restoreDatabase(run: StepRun): Promise<Record<string, unknown>> {
  const archive = needArchive(run);
  if (archive.manifest.database === null) return { skipped: true };
  const data = await dataPlaceOf(run);
  const source = objectSource(run.service.cloud, dumpFolder(data, archive));
  const restored = await run.service.databases.restore(data.databasePlace, data.database, source);
  if (restored.digest !== archive.manifest.database.digest) throw differs("the restored database");
  await run.say(`${restored.tables.length} tables are back, with the checksums of the archive`);
  return { tables: restored.tables.length, digest: restored.digest };
}

export const restoreObjectsStep: Step = {
  name: "restore_objects",
  idempotence: "It copies the same objects to the same place again.",
  run: restoreObjects,
  // An archived tenant has no objects of its own to lose.
  undo: async (run) => void (await deleteObjects(run)),
};

async function restoreObjects(run: StepRun): Promise<Record<string, unknown>> {
  const archive = needArchive(run);
  const data = await dataPlaceOf(run);
  const from = objectsFolder(archive);
  const to = { bucket: data.bucket, prefix: data.prefix };
  const copied = await run.service.cloud.copyObjects({ ...data.cloud, from, to });
  if (copied.digest !== archive.manifest.objects.digest) throw differs("the restored objects");
  await run.say(`${copied.objects} objects are back, with the checksums of the archive`);
  return { ...copied };
}

/** In an operation that has archived the tenant: its undo brings the database back from there. */
export const dropDatabaseStep: Step = {
  name: "drop_database",
  idempotence: "What is gone already counts as dropped.",
  run: dropDatabase,
  async undo(run) {
    const { databasePlace, database } = await dataPlaceOf(run);
    await run.service.databases.provision(databasePlace, database, run.causeId);
    await restoreDatabase(run);
  },
};

/** In an operation that keeps nothing. */
export const destroyDatabaseStep: Step = { ...dropDatabaseStep, undo: "impossible" };

async function dropDatabase(run: StepRun): Promise<Record<string, unknown>> {
  const { databasePlace, database } = await dataPlaceOf(run);
  const { databases } = run.service;
  const isOwn = database.layout === "database";
  const { dropped } = await unlessGone(isOwn, () => databases.drop(databasePlace, database), { dropped: [] });
  const look = () => databases.leftovers(databasePlace, database.tenantId);
  const left = await unlessGone(isOwn, look, []);
  if (left.length > 0) {
    throw new StepError(
      "orphans_left",
      `Cannot finish: nothing of the tenant may be left on the database server, but it still has ${left.join(", ")}. ` +
        "Drop them there, then try again.",
    );
  }
  await run.say(dropped.length === 0 ? "There was no database" : `Dropped ${dropped.join(", ")}`);
  return { dropped };
}

export const deleteObjectsStep: Step = {
  name: "delete_objects",
  idempotence: "What is gone already counts as deleted.",
  run: deleteObjects,
  undo: async (run) => void (await restoreObjects(run)),
};

/** In an operation that keeps nothing. */
export const destroyObjectsStep: Step = { ...deleteObjectsStep, undo: "impossible" };

async function deleteObjects(run: StepRun): Promise<Record<string, unknown>> {
  const { cloud, bucket, isOwnBucket, prefix } = await dataPlaceOf(run);
  const remove = () => run.service.cloud.deleteObjects({ ...cloud, bucket, prefix });
  const { objects } = await unlessGone(isOwnBucket, remove, { objects: 0 });
  await run.say(`${objects} objects are deleted`);
  return { objects, from: `s3://${bucket}/${prefix}` };
}

function differs(what: string): StepError {
  return new StepError(
    "checksum_mismatch",
    `Cannot go on: ${what} must have the checksum of what was written, and has another. Somebody may have changed it ` +
      "meanwhile; nothing was removed. Find out who writes there, then try again.",
  );
}
