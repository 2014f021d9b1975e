import type Database from "better-sqlite3";

/** Raised when a stored account can no longer be read; an older file is then refused, not guessed at. */
const SCHEMA_VERSION = 1;

const TABLES = `
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS resources (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  arn TEXT,
  name TEXT,
  name_scope TEXT,
  properties TEXT NOT NULL,
  input_keys TEXT NOT NULL,
  runtime TEXT NOT NULL,
  deletion_at_ms INTEGER,
  created_at TEXT NOT NULL,
  UNIQUE (account, region, type, id)
);
CREATE INDEX IF NOT EXISTS resources_by_id ON resources (id);
CREATE INDEX IF NOT EXISTS resources_called ON resources (name) WHERE name IS NOT NULL;
CREATE INDEX IF NOT EXISTS resources_by_arn ON resources (arn) WHERE arn IS NOT NULL;
CREATE INDEX IF NOT EXISTS resources_by_name ON resources (type, name_scope, name) WHERE name IS NOT NULL;
CREATE INDEX IF NOT EXISTS resources_by_deletion ON resources (deletion_at_ms) WHERE deletion_at_ms IS NOT NULL;
CREATE INDEX IF NOT EXISTS resources_by_type ON resources (type, account, region);
CREATE INDEX IF NOT EXISTS resources_present ON resources (type, account, region) WHERE deletion_at_ms IS NULL;
CREATE TABLE IF NOT EXISTS resource_references (
  target TEXT NOT NULL,
  sequence INTEGER NOT NULL REFERENCES resources (sequence) ON DELETE CASCADE,
  PRIMARY KEY (target, sequence)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS resource_references_by_source ON resource_references (sequence);
CREATE TABLE IF NOT EXISTS resource_tags (
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  sequence INTEGER NOT NULL REFERENCES resources (sequence) ON DELETE CASCADE,
  PRIMARY KEY (key, value, sequence)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS resource_tags_by_source ON resource_tags (sequence);
-- What is in secrets and buckets is no property of theirs: no listing of resources can show it.
CREATE TABLE IF NOT EXISTS secret_values (
  secret TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  value TEXT NOT NULL,
  written_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS secret_values_by_owner ON secret_values (owner);
CREATE TABLE IF NOT EXISTS objects (
  bucket TEXT NOT NULL,
  key BLOB NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  file TEXT NOT NULL UNIQUE,
  written_at TEXT NOT NULL,
  PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS contents_go_with_their_owner AFTER DELETE ON resources BEGIN
  DELETE FROM secret_values WHERE owner = OLD.arn;
  DELETE FROM objects WHERE OLD.type = 'aws:s3/bucket:Bucket' AND bucket = OLD.id;
END;
`;

/** Creates what is missing; WAL with synchronous NORMAL, because a lost power supply may cost an imitation its last calls. */
export function prepareDatabase(database: Database.Database): void {
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = NORMAL");
  database.pragma("foreign_keys = ON");
  const version = database.pragma("user_version", { simple: true });
  if (version !== 0 && version !== SCHEMA_VERSION) {
    throw new Error(
      `Cannot open the local cloud's account: its format must be ${SCHEMA_VERSION}, got ${version}. ` +
        "Use the version of Tenantry that wrote it, or another data folder.",
    );
  }
  database.exec(TABLES);
  database.pragma(`user_version = ${SCHEMA_VERSION}`);
}
