import { z } from "zod";
import { dataFolder } from "../../launcher/dataFolder.ts";
import { defaultHostId } from "../host.ts";
import { setting, whole } from "./setting.ts";

/** What the process is and where it listens. */
export const serviceSettings = {
  /** Holds the registry, the state of the stacks in local mode, CLI output and server.json. */
  dataDir: setting(
    "folder of registry, state, logs and local cloud (default: .tenantry in the checkout)",
    z
      .string()
      .min(1)
      .default(() => dataFolder({})),
  ),
  host: setting("address to listen on (127.0.0.1)", z.string().min(1).default("127.0.0.1")),
  /** 0 takes a free port; server.json tells which. */
  port: setting("port to listen on, 0 for any free one (7070)", whole(0, 65_535).default(7070)),
  cloud: setting("local or aws (local)", z.enum(["local", "aws"]).default("local")),
  /** The registry in PostgreSQL, for any number of processes; without it a SQLite file in the data folder, for one. */
  databaseUrl: setting(
    "postgres://… of the registry, for several services (default: SQLite in the data folder)",
    z.string().min(1).optional(),
  ),
  /** Connections to it at most, half for reading; three more carry messages and jobs. */
  databaseConnections: setting("connections to it at most (20)", whole(2, 200).default(20)),
  /** `api` answers requests, `worker` runs operations and keeps the fleet in sight, `all` does both. */
  role: setting(
    "all, api or worker (all); api and worker need --database-url",
    z.enum(["all", "api", "worker"]).default("all"),
  ),
  /** Where this process's pid means something: the same for all services of one machine or container, and no other's. */
  hostId: setting(
    "name of this machine or container among those that run the service (made from its name and ids)",
    z
      .string()
      .regex(/^[A-Za-z0-9._:-]{1,128}$/, "must be 1 to 128 letters, digits, dots, colons or dashes")
      .default(() => defaultHostId()),
  ),
};
