import { credentialStore } from "./credentials.ts";
import { drop, leftovers } from "./drop.ts";
import { dump, readContents } from "./dump.ts";
import { verifyDump } from "./dumpManifest.ts";
import { tenantNames } from "./names.ts";
import { databaseOf, provision, rotatePassword, type Tenancy } from "./provision.ts";
import { restore } from "./restore.ts";
import { isMadeFor, setLogin } from "./roles.ts";
import { openServer } from "./session.ts";
import type {
  DatabasePlace,
  TenantDatabase,
  TenantDatabases,
  TenantDatabasesOptions,
} from "./tenantDatabases.ts";

export function createTenantDatabases(options: TenantDatabasesOptions): TenantDatabases {
  const open = async (place: DatabasePlace, tenant: TenantDatabase): Promise<Tenancy> => {
    const names = tenantNames(tenant.tenantId, tenant.generation);
    const server = await openServer(options, place);
    const secrets = credentialStore(options.cloud, place, tenant, names);
    return { server, tenant, names, secrets, database: databaseOf(server, tenant) };
  };
  return {
    provision: async (place, tenant, cause) => provision(await open(place, tenant), cause),
    async unprovision(place, tenant, cause) {
      const tenancy = await open(place, tenant);
      const { server, names } = tenancy;
      const isOurs = await server.connect("look who made the database", place.databaseName, (session) =>
        isMadeFor(session, names, cause),
      );
      return isOurs ? drop(tenancy) : { dropped: [] };
    },
    rotatePassword: async (place, tenant, cause) => rotatePassword(await open(place, tenant), cause),
    async setLogin(place, tenant, allowed) {
      const { server } = await open(place, tenant);
      const doing = allowed ? "allow the tenant to log in" : "forbid the tenant to log in";
      await server.connect(doing, place.databaseName, (session) =>
        setLogin(session, tenant.tenantId, allowed),
      );
    },
    dump: async (place, tenant, sink) => dump(await open(place, tenant), sink),
    restore: async (place, tenant, source) => restore(await open(place, tenant), source),
    verifyDump,
    contents: async (place, tenant) => readContents(await open(place, tenant)),
    drop: async (place, tenant) => drop(await open(place, tenant)),
    async leftovers(place, tenantId) {
      const server = await openServer(options, place);
      return server.connect("look for what is left", place.databaseName, (session) =>
        leftovers(session, tenantId),
      );
    },
  };
}
