import { z } from "zod";
import type { CloudRuntime } from "../cloud/cloudRuntime.ts";
import type { TenantNames } from "./names.ts";
import { json } from "./session.ts";
import type { DatabasePlace, TenantDatabase } from "./tenantDatabases.ts";

/** What a tenant's services find in their secrets. */
export const Credentials = z.object({
  host: z.string().min(1),
  port: z.int().positive(),
  database: z.string().min(1),
  schema: z.string().min(1),
  username: z.string().min(1),
  password: z.string().min(1),
  tls: z.boolean(),
  issuedAt: z.iso.datetime(),
  /** The operation it was written for; a repeat of that operation knows by it what it has done. */
  issuedFor: z.string(),
});
export type Credentials = z.infer<typeof Credentials>;

export interface CredentialStore {
  /** Of each of the tenant's secrets; undefined where there is none, or one that is not ours. */
  read(): Promise<readonly (Credentials | undefined)[]>;
  /** Writes it where it is not yet, one secret after the other. Returns how many were written. */
  write(credentials: Credentials): Promise<number>;
}

export function credentialStore(
  cloud: Pick<CloudRuntime, "readSecret" | "putSecretValue">,
  place: DatabasePlace,
  { secretNames }: TenantDatabase,
  names: TenantNames,
): CredentialStore {
  const { region, accountId, roleArn, externalId, permit } = place;
  const at = {
    region,
    ...(accountId === undefined ? {} : { accountId }),
    ...(roleArn === undefined ? {} : { roleArn }),
    ...(externalId === undefined ? {} : { externalId }),
    permit,
  };
  const readOne = async (secretId: string) => {
    const value = await cloud.readSecret({ ...at, secretId });
    const { data } = Credentials.safeParse(json(value ?? ""));
    return data !== undefined && names.logins.includes(data.username) ? data : undefined;
  };
  return {
    read: () => Promise.all(secretNames.map(readOne)),
    async write(credentials) {
      let written = 0;
      for (const secretId of secretNames) {
        const held = await readOne(secretId);
        if (held !== undefined && isSame(held, credentials)) continue;
        await cloud.putSecretValue({ ...at, secretId, value: JSON.stringify(credentials) });
        written += 1;
      }
      return written;
    },
  };
}

function isSame(held: Credentials, wanted: Credentials): boolean {
  return Object.entries(wanted).every(([key, value]) => held[key as keyof Credentials] === value);
}

/** A rotation that was cut off leaves two; the later one goes on. */
export function newest(held: readonly (Credentials | undefined)[]): Credentials | undefined {
  const known = held.filter((item) => item !== undefined);
  return known.sort((a, b) => (a.issuedAt < b.issuedAt ? 1 : -1))[0];
}
