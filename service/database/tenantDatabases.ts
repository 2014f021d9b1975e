import type { CloudPlace, CloudRuntime, StoredObject } from "../cloud/cloudRuntime.ts";

/**
 * Tenants' databases: what no stack can make, because it is made over the PostgreSQL protocol.
 *
 * A tenant has a schema of its own in the plane's database (`schema`), or a database of its own with that schema in it
 * (`database`). Both belong to a role as which only a dump or a restore logs in; the services log in as one of two roles
 * that act as that owner, whose passwords take turns. All names come from the tenant's id, so that a repeat finds what is there.
 *
 * It promises: every method may be repeated and may have been cut off anywhere; a tenant's login reaches nothing of
 * another tenant, and neither does its code when a dump or a restore runs it; no password is ever in a statement (the
 * server is given the SCRAM verifier), in an error or in an answer, but only in the tenant's own secrets; at every moment
 * of a rotation each secret holds a login that works.
 *
 * It needs PostgreSQL 16 or newer and, as administrator, a role with CREATEROLE and CREATEDB that is no superuser: RDS's
 * master user, whose password is read from the plane's secret for each call and kept nowhere.
 */
export interface TenantDatabases {
  /**
   * Makes what is missing and puts grants and limits right. Credentials are made once: where the tenant's secrets hold
   * a login already, the database is given that login's password.
   */
  provision(place: DatabasePlace, tenant: TenantDatabase, cause: string): Promise<Provisioned>;
  /** Takes back what `provision` made for this cause. What was there before stays. */
  unprovision(place: DatabasePlace, tenant: TenantDatabase, cause: string): Promise<Dropped>;
  /** The other role gets a new password, then the secrets; the role before goes on until the next rotation. */
  rotatePassword(
    place: DatabasePlace,
    tenant: TenantDatabase,
    cause: string,
  ): Promise<{ readonly role: string }>;
  /** Not allowed: nobody logs in as the tenant, and who is logged in is cut off. */
  setLogin(place: DatabasePlace, tenant: TenantDatabase, allowed: boolean): Promise<void>;
  /** Writes definitions and rows as of one moment. Refuses, by name, what it cannot bring back. */
  dump(place: DatabasePlace, tenant: TenantDatabase, sink: DumpSink): Promise<DatabaseContents>;
  /** Replaces the tenant's tables by the dump's, wholly or not at all, and compares what is there afterwards with it. */
  restore(place: DatabasePlace, tenant: TenantDatabase, source: DumpSource): Promise<DatabaseContents>;
  /** Reads a whole dump and compares every checksum in it; needs no server. */
  verifyDump(source: DumpSource): Promise<DatabaseContents>;
  contents(place: DatabasePlace, tenant: TenantDatabase): Promise<DatabaseContents>;
  drop(place: DatabasePlace, tenant: TenantDatabase): Promise<Dropped>;
  /** What the server still has under the tenant's names: `role …`, `schema …`, `database …`. */
  leftovers(place: DatabasePlace, tenantId: string): Promise<readonly string[]>;
}

/** A PostgreSQL cluster and how to become its administrator. */
export interface DatabasePlace extends CloudPlace {
  readonly clusterIdentifier: string;
  readonly endpoint: string;
  readonly port: number;
  /** The database that holds the schemas of pooled tenants. */
  readonly databaseName: string;
  /** Its value is JSON with `username` and `password`. */
  readonly masterSecretArn: string;
}

export interface TenantDatabase {
  readonly tenantId: string;
  readonly generation: number;
  readonly layout: "schema" | "database";
  /** Secrets that get the credentials: one for each of the tenant's services. */
  readonly secretNames: readonly string[];
}

export interface Provisioned {
  readonly database: string;
  readonly schema: string;
  /** Whether this cause made it; says the same when repeated. */
  readonly created: boolean;
  /** Whether a secret was written, so that the services must read theirs anew. */
  readonly credentialsWritten: boolean;
}

export interface Dropped {
  /** `role …`, `schema …`, `database …`; empty when there was nothing. */
  readonly dropped: readonly string[];
}

export interface TableContents {
  readonly name: string;
  readonly rows: number;
  /** Of the rows in COPY's text form, in an order that depends on them alone. */
  readonly sha256: string;
}

export interface DatabaseContents {
  readonly tables: readonly TableContents[];
  /** SHA-256 (hex) over the definitions, the tables and the sequences. */
  readonly digest: string;
}

export interface DumpSink {
  write(name: string, body: AsyncIterable<Uint8Array>): Promise<StoredObject>;
}

export interface DumpSource {
  read(name: string): Promise<AsyncIterable<Uint8Array>>;
}

export interface TenantDatabasesOptions {
  readonly cloud: Pick<CloudRuntime, "readSecret" | "putSecretValue" | "databaseAddress">;
  /** PEM file with the certificate authorities of the servers; without it the system's own are trusted. */
  readonly caFile?: string | undefined;
}
