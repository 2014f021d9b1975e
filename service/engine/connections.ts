/**
 * Gives every run connections of its own to its CLI.
 *
 * Programs share a pool of connections by address unless told otherwise, and a run that broke off leaves one in it that waits
 * before it tries again. When the system hands the same port to a later CLI, that run finds the waiting connection and fails at
 * once with "14 UNAVAILABLE: No connection established", although its CLI listens.
 */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** For every run of this process that begins after it; calling it again changes nothing. */
export function ownConnections(): void {
  const { grpcClientOptions } = require("@pulumi/pulumi/runtime/settings.js") as {
    grpcClientOptions: Record<string, unknown>;
  };
  grpcClientOptions["grpc.use_local_subchannel_pool"] = 1;
}
