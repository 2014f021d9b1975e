import { CLUSTER } from "../aws/rdsCluster.ts";
import type { Cloud } from "../context.ts";
import type { DatabaseServers } from "../rds/databaseServers.ts";
import { text } from "../values.ts";
import { Problem } from "./problem.ts";
import type { Routes } from "./router.ts";

/** Where a cluster's PostgreSQL can be reached; it is started when it does not run. */
export function rdsRoutes(cloud: Cloud, servers: DatabaseServers): Routes {
  return {
    "POST /v1/rds/clusters/:id/start": ({ parameters, query }) => {
      const id = parameters.id ?? "";
      const where = Object.fromEntries(
        ["region", "account"].flatMap((key) => {
          const value = query.get(key);
          return value === null ? [] : [[key, value]];
        }),
      );
      const [found] = cloud.store.list({ ...where, type: CLUSTER, called: id });
      if (found === undefined) {
        throw new Problem(404, "database_not_found", `Cannot find the database cluster ${id}.`);
      }
      const engine = text(found.properties, "engine") ?? "";
      if (!engine.includes("postgres")) {
        throw new Problem(
          422,
          "not_emulated",
          `Cannot start ${id}: the local cloud runs PostgreSQL only, got ${engine}.`,
        );
      }
      return servers.address(found).catch((thrown: unknown) => {
        const message = thrown instanceof Error ? thrown.message : String(thrown);
        throw new Problem(503, "database_unavailable", message);
      });
    },
  };
}
