/**
 * Takes out of the SDK what it does for a developer at a terminal and what costs a service half of a program's CPU. Each is
 * replaced where the SDK itself looks it up; none changes what a program means.
 */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

export function lighten(): void {
  dropDebugMessages();
  dropPromiseTraces();
  dropSourcePositions();
}

/** Five messages per resource are sent to the CLI whatever the log level: a tenth of a run's CPU, for lines nobody asked for. */
function dropDebugMessages(): void {
  const log = require("@pulumi/pulumi/log/index.js") as { debug: () => Promise<void> };
  log.debug = async () => {};
}

/** Every promise carries the stack of its making, for a report of leaks; without it the report still names the promise. */
function dropPromiseTraces(): void {
  const debuggable = require("@pulumi/pulumi/runtime/debuggable.js") as {
    debuggablePromise: (...given: unknown[]) => unknown;
  };
  const { debuggablePromise } = debuggable;
  debuggable.debuggablePromise = (...given) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return debuggablePromise(...given);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
}

/**
 * Where in the program each resource was made goes into the state, a sixth of its size: paths of this machine, so that a service
 * that is installed elsewhere would write every resource anew.
 */
function dropSourcePositions(): void {
  const { Resource } = require("@pulumi/pulumi/resource.js") as { Resource: { stackTrace: () => unknown[] } };
  Resource.stackTrace = () => [];
}
