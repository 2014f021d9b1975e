import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { fileCache } from "./cache.ts";
import type { Resolve } from "./forward.ts";
import { createRouterMetrics, serveMetrics } from "./metrics.ts";
import { startRouting } from "./routing.ts";
import { s3Source } from "./s3Source.ts";
import { startRouter } from "./server.ts";
import { type RouterSettings, RouterSettingsError, readRouterSettings, trustOf } from "./settings.ts";
import { fileSource, type SnapshotSource, urlSource } from "./source.ts";

/**
 * The router: a plane's entry behind its load balancer. It forwards by host and by the path's first segment to the private
 * name of the tenant's service, from a signed snapshot of the whole routing that it looks for every second.
 *
 * It promises: no request waits for anybody's database; a snapshot that is bad, unsigned, older, or not there leaves the last good
 * one in force, which it also starts with while its source is away; a suspended tenant's users are told so in a stable form. It refuses hosts it does not know, and it neither
 * ends TLS nor knows who may do what: that is the load balancer's and the services' part.
 */
async function main(): Promise<void> {
  const settings = readRouterSettings(process.env);
  const trust = trustOf(settings);
  const log = pino({ level: settings.LOG_LEVEL, base: { service: "router", plane: settings.PLANE_NAME } });
  if (trust.size === 0) log.warn("no key is trusted: every snapshot will be refused; set TRUSTED_KEYS");
  const metrics = createRouterMetrics();
  const { CACHE_FILE, METRICS_PORT, HOST: host } = settings;
  const routing = await startRouting({
    ...{ source: sourceOf(settings), trust, planeName: settings.PLANE_NAME },
    cache: CACHE_FILE === undefined ? undefined : fileCache(CACHE_FILE),
    ...{ reloadMs: settings.RELOAD_MS, log, metrics },
  });
  const router = await startRouter({
    ...{ host, port: settings.PORT, healthPath: settings.HEALTH_PATH, publicDomain: settings.PUBLIC_DOMAIN },
    ...{ maxConnections: settings.MAX_CONNECTIONS, resolve: resolver(settings), routing, log, metrics },
  });
  const told =
    METRICS_PORT === undefined ? undefined : await serveMetrics(metrics, { host, port: METRICS_PORT });
  const metricsPort = (told?.address() as AddressInfo | undefined)?.port;
  const version = routing.current()?.version ?? null;
  log.info({ url: router.url, metricsPort, version }, "the router is up");

  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(130);
    stopping = true;
    log.info({ signal }, "stopping");
    await router.stop(settings.DRAIN_MS);
    // A look may wait for an answer that a stopping process has no use for.
    await Promise.race([
      routing.stop(),
      new Promise((resolve) => setTimeout(resolve, LOOK_GRACE_MS).unref()),
    ]);
    told?.closeAllConnections();
    process.exit(0);
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
}

const LOOK_GRACE_MS = 500;

function sourceOf(settings: RouterSettings): SnapshotSource {
  const { SNAPSHOT_FILE, SNAPSHOT_URL, ROUTING_BUCKET } = settings;
  if (SNAPSHOT_FILE !== undefined) return fileSource(SNAPSHOT_FILE);
  if (SNAPSHOT_URL !== undefined) {
    return urlSource(SNAPSHOT_URL, { token: settings.SNAPSHOT_TOKEN, waitMs: settings.SNAPSHOT_WAIT_MS });
  }
  if (ROUTING_BUCKET === undefined)
    throw new RouterSettingsError("Cannot start the router: no snapshot is named");
  return s3Source({
    bucket: ROUTING_BUCKET,
    key: `${settings.ROUTING_PREFIX}latest.json`,
    region: settings.AWS_REGION,
    endpoint: settings.AWS_ENDPOINT_URL_S3,
  });
}

function resolver({ RESOLVE, TENANT_SERVICE_PORT }: RouterSettings): Resolve {
  return (name) => RESOLVE.get(name) ?? { host: name, port: TENANT_SERVICE_PORT };
}

main().catch((thrown: unknown) => {
  const known = thrown instanceof RouterSettingsError;
  process.stderr.write(
    `${thrown instanceof Error ? (known ? thrown.message : thrown.stack) : String(thrown)}\n`,
  );
  process.exit(1);
});
