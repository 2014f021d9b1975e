import type { CloudPlace, CloudRuntime } from "../cloud/cloudRuntime.ts";
import type { DumpSink, DumpSource } from "./tenantDatabases.ts";

/** A dump as objects below a prefix, which ends in a slash. */
export interface DumpFolder {
  readonly place: CloudPlace;
  readonly bucket: string;
  readonly prefix: string;
}

export function objectSink(cloud: CloudRuntime, { place, bucket, prefix }: DumpFolder): DumpSink {
  return { write: (name, body) => cloud.putObject({ ...place, bucket, key: `${prefix}${name}`, body }) };
}

export function objectSource(cloud: CloudRuntime, { place, bucket, prefix }: DumpFolder): DumpSource {
  return { read: (name) => cloud.getObject({ ...place, bucket, key: `${prefix}${name}` }) };
}
