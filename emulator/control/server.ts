/**
 * The control API: everything that happens to the account but does not come through Pulumi, over HTTP on 127.0.0.1.
 * Tests, the demo and the CLI use this one door; the provider service never depends on it.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Cloud } from "../context.ts";
import type { Faults } from "../faults.ts";
import { FaultRequest } from "../faults.ts";
import type { ObjectFiles } from "../objectFiles.ts";
import { Profile } from "../profile.ts";
import type { DatabaseServers } from "../rds/databaseServers.ts";
import { ecsRoutes } from "./ecs.ts";
import { imageRoutes } from "./images.ts";
import { Problem } from "./problem.ts";
import { rdsRoutes } from "./rds.ts";
import { resourceRoutes } from "./resources.ts";
import type { Handler, Routes } from "./router.ts";
import { createRouter } from "./router.ts";
import { s3Routes } from "./s3.ts";
import { secretRoutes } from "./secrets.ts";
import { usageRoutes } from "./usage.ts";

export interface ControlOptions {
  readonly cloud: Cloud;
  readonly faults: Faults;
  readonly accountId: string;
  readonly startedAt: string;
  readonly port: number;
  readonly objectFiles: ObjectFiles;
  readonly databases: DatabaseServers;
  setProfile(profile: Profile): void;
  shutdown(): void;
  /** For how long no provider call was made. */
  quietMs(): number;
  /** Called at each request, so that an idle cloud can know that it is. */
  onRequest(): void;
}

export interface ControlServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Refused when the account was in use within the last `quietMs`. */
const ShutdownRequest = z.strictObject({ quietMs: z.number().int().min(0).default(0) });

export async function startControlServer(options: ControlOptions): Promise<ControlServer> {
  const router = createRouter({
    ...generalRoutes(options),
    ...faultRoutes(options),
    ...resourceRoutes(options.cloud),
    ...slowed(options.cloud, {
      ...ecsRoutes(options.cloud),
      ...secretRoutes(options.cloud),
      ...s3Routes(options.cloud, options.objectFiles),
      ...rdsRoutes(options.cloud, options.databases),
    }),
    ...usageRoutes(options.cloud),
    ...imageRoutes(),
  });
  const server = createServer((request, response) => {
    options.onRequest();
    router(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What stands for calls to AWS takes as long as the profile says. */
function slowed(cloud: Cloud, routes: Routes): Routes {
  return Object.fromEntries(
    Object.entries(routes).map(([pattern, handler]): [string, Handler] => [
      pattern,
      async (request) => {
        const { dataLatencyMs } = cloud.profile();
        if (dataLatencyMs > 0) await sleep(dataLatencyMs);
        return handler(request);
      },
    ]),
  );
}

function generalRoutes(options: ControlOptions): Routes {
  const { cloud } = options;
  return {
    // Whoever only asks whether it lives, before each of many calls, asks without the count.
    "GET /v1/status": ({ query }) => ({
      pid: process.pid,
      accountId: options.accountId,
      startedAt: options.startedAt,
      ...(query.get("resources") === "no" ? {} : { resources: cloud.store.count() }),
    }),
    "GET /v1/types": () => ({ types: [...cloud.catalogue.tokens].sort() }),
    "GET /v1/profile": () => cloud.profile(),
    "PUT /v1/profile": async (request) => {
      options.setProfile(await request.body(Profile));
      return cloud.profile();
    },
    "POST /v1/shutdown": async (request) => {
      const { quietMs } = await request.body(ShutdownRequest);
      if (options.quietMs() < quietMs) {
        throw new Problem(
          409,
          "in_use",
          `Cannot stop: a provider call was made within the last ${quietMs} ms.`,
        );
      }
      // The answer goes out first.
      setImmediate(options.shutdown);
      return { stopping: true };
    },
  };
}

function faultRoutes({ cloud, faults }: Pick<ControlOptions, "cloud" | "faults">): Routes {
  const known = (found: boolean, faultId: string | undefined) => {
    if (!found) throw new Problem(404, "not_found", `Cannot find the fault ${faultId ?? ""}.`);
  };
  return {
    "GET /v1/faults": () => ({ faults: faults.list() }),
    "POST /v1/faults": async (request) => {
      const body = await request.body(FaultRequest);
      if (body.type !== "*" && !cloud.catalogue.knows(body.type)) throw unknownType(body.type);
      try {
        return faults.add(body);
      } catch (error) {
        throw new Problem(409, "too_many_faults", String(error));
      }
    },
    "DELETE /v1/faults": () => faults.removeAll(),
    "DELETE /v1/faults/:id": ({ parameters }) => known(faults.remove(parameters.id ?? ""), parameters.id),
    "POST /v1/faults/:id/release": ({ parameters }) => {
      known(faults.release(parameters.id ?? ""), parameters.id);
      return { released: true };
    },
  };
}

/** A misspelt type would be armed for ever and break nothing. */
function unknownType(type: string): Problem {
  return new Problem(
    422,
    "unknown_type",
    `Cannot break ${type}: the type must be "*" or one that the local cloud emulates, such as aws:sqs/queue:Queue. ` +
      "GET /v1/types lists them.",
  );
}
