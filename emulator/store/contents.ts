import type Database from "better-sqlite3";

/** Values of secrets, and which file holds which object. They go when the secret, the cluster or the bucket goes. */
export interface Contents {
  secretValue(secret: string): SecretValue | undefined;
  /** `owner` is the ARN of the resource it goes with. */
  setSecretValue(secret: string, owner: string, value: string): void;

  object(bucket: string, key: string): ObjectRow | undefined;
  /** In the order of the keys' bytes. */
  objectsBelow(bucket: string, prefix: string, after: string, limit: number): readonly ObjectRow[];
  holdsObjects(bucket: string): boolean;
  /** Returns the file of the object that was there. */
  setObject(bucket: string, row: ObjectRow): string | undefined;
  removeObject(bucket: string, key: string): void;
  /** Whether any object's content is in that file. */
  isFileInUse(file: string): boolean;
}

export interface SecretValue {
  readonly value: string;
  readonly writtenAt: string;
}

export interface ObjectRow {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Name within the folder of objects. */
  readonly file: string;
}

interface StoredRow extends Omit<ObjectRow, "key"> {
  readonly key: Buffer;
}

const COLUMNS = "key, bytes, sha256, file";
const toRow = (row: unknown): ObjectRow => {
  const stored = row as StoredRow;
  return { ...stored, key: stored.key.toString("utf8") };
};
/** Keys are kept as bytes, because S3 orders them so. */
const bytesOf = (key: string) => Buffer.from(key, "utf8");

export function createContents(database: Database.Database, nowMs: () => number): Contents {
  const now = () => new Date(nowMs()).toISOString();
  const object = (bucket: string, key: string) => {
    const row = database
      .prepare(`SELECT ${COLUMNS} FROM objects WHERE bucket = ? AND key = ?`)
      .get(bucket, bytesOf(key));
    return row === undefined ? undefined : toRow(row);
  };
  return {
    secretValue(secret) {
      const row = database
        .prepare("SELECT value, written_at FROM secret_values WHERE secret = ?")
        .get(secret);
      if (row === undefined) return undefined;
      const { value, written_at } = row as { value: string; written_at: string };
      return { value, writtenAt: written_at };
    },
    setSecretValue(secret, owner, value) {
      database
        .prepare(
          `INSERT INTO secret_values (secret, owner, value, written_at) VALUES (?, ?, ?, ?)
           ON CONFLICT (secret) DO UPDATE SET value = excluded.value, written_at = excluded.written_at`,
        )
        .run(secret, owner, value, now());
    },
    object,
    objectsBelow(bucket, prefix, after, limit) {
      const start = bytesOf(prefix);
      return database
        .prepare(
          `SELECT ${COLUMNS} FROM objects WHERE bucket = ? AND key >= ? AND key > ? AND substr(key, 1, ?) = ?
           ORDER BY key LIMIT ?`,
        )
        .all(bucket, start, bytesOf(after), start.length, start, limit)
        .map(toRow);
    },
    holdsObjects: (bucket) =>
      database.prepare("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1").get(bucket) !== undefined,
    setObject(bucket, { key, bytes, sha256, file }) {
      const before = object(bucket, key)?.file;
      database
        .prepare(
          `INSERT INTO objects (bucket, key, bytes, sha256, file, written_at) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (bucket, key) DO UPDATE SET bytes = excluded.bytes, sha256 = excluded.sha256,
             file = excluded.file, written_at = excluded.written_at`,
        )
        .run(bucket, bytesOf(key), bytes, sha256, file, now());
      return before;
    },
    removeObject: (bucket, key) =>
      void database.prepare("DELETE FROM objects WHERE bucket = ? AND key = ?").run(bucket, bytesOf(key)),
    isFileInUse: (file) => database.prepare("SELECT 1 FROM objects WHERE file = ?").get(file) !== undefined,
  };
}
