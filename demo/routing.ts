import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "../contract/common.ts";
import type { RoutingDiff, RoutingOutcome, RoutingVersion } from "../contract/routing.ts";
import type { RoutingSnapshot } from "../contract/routingSnapshot.ts";
import type { Api } from "./api.ts";
import { pinnedKey } from "./keys.ts";
import { root } from "./processes.ts";
import { check, line, step } from "./terminal.ts";

/** What a router is promised to take for a reload. */
const RELOAD_LIMIT_MS = 2_000;
const SERVICE = "integrations-service";

/**
 * A plane's routing goes back a version, stays there, and is let go on. The judge is a real router beside the service: it reads the
 * snapshot's file, verifies it with the pinned key, and answers users by it. Gives back the longest time from the service's
 * answer to the router's, in ms.
 */
export async function rollBackRouting(api: Api, dataDir: string, plane: string): Promise<number> {
  step(
    "Roll the plane's routing back, and let it go on",
    "signed snapshots; held after a rollback; a real router answers users by them",
  );
  const at = `/planes/${plane}/routing`;
  const { items } = await api.call<Page<RoutingVersion>>("GET", `${at}/versions`);
  const [newest, previous] = items;
  if (newest === undefined || previous === undefined)
    throw new Error("Cannot go on: two versions must be there");
  const { routes } = await api.call<RoutingSnapshot>("GET", at);
  const diff = await api.call<RoutingDiff>("GET", `${at}/diff?from=${previous.version}&to=${newest.version}`);
  const host = diff.added[0]?.host ?? "";
  check(host !== "", `version ${newest.version} has ${routes.length} hosts; ${host} came with it`);
  const upstream = await startUpstream();
  const router = await startRouter(
    dataDir,
    plane,
    routes.map(({ routingTarget }) => routingTarget),
    upstream.port,
  );
  try {
    check((await router.ask(host)).status === 200, "through the router, its users reach it");
    const back = await api.call<RoutingOutcome>("POST", `${at}/rollback`, {
      ...{ toVersion: previous.version, reason: "the new host must not be public yet" },
    });
    const gone = await router.until(host, 404);
    line(`version ${back.newest.version} has the content of ${back.newest.restores}`);
    check(gone.ms < RELOAD_LIMIT_MS, `the router knows it ${gone.ms} ms later: ${gone.body.code}`);
    const others = routes.filter((route) => route.host !== host);
    const answers = await Promise.all(others.map((route) => router.ask(route.host)));
    check(
      answers.every(({ status }) => status === 200),
      `the other ${others.length} tenants never noticed`,
    );
    const again = await api.call<RoutingOutcome>("POST", `${at}/publish`, {});
    check(!again.changed && again.hold !== null, "it is held: publishing does not undo it");
    await api.call("POST", `${at}/release`, { reason: "it may be public now" });
    const here = await router.until(host, 200);
    check(here.ms < RELOAD_LIMIT_MS, `released: its users reach it again ${here.ms} ms later`);
    return Math.max(gone.ms, here.ms);
  } finally {
    await router.stop();
    upstream.stop();
  }
}

/** Stands for all the tenants' services; behind a load balancer they would be containers. */
async function startUpstream() {
  const server = createServer((_request, response) => response.end('{"code":"served"}'));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: { readonly code?: string };
}

/** The program that planes run, with the plane's snapshot folder and private names that all lead to the upstream. */
async function startRouter(dataDir: string, plane: string, targets: readonly string[], port: number) {
  const names = [...new Set(targets)].map((target) => `${SERVICE}.${target}=127.0.0.1:${port}`);
  const child = spawn(process.execPath, [join(root, "router/main.ts")], {
    cwd: root,
    env: {
      ...{
        PATH: process.env.PATH,
        PORT: "0",
        HOST: "127.0.0.1",
        PLANE_NAME: plane,
        RESOLVE: names.join(","),
      },
      SNAPSHOT_FILE: join(dataDir, "snapshots", plane, "latest.json"),
      TRUSTED_KEYS: pinnedKey(dataDir),
      LOG_LEVEL: "info",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await urlOf(child);
  const ask = (host: string) => answerOf(url, host);
  return {
    ask,
    /** How long after now the router first answers so. */
    async until(host: string, status: number): Promise<Answer & { readonly ms: number }> {
      const startedAt = performance.now();
      for (;;) {
        const answer = await ask(host);
        const ms = Math.round(performance.now() - startedAt);
        if (answer.status === status || ms > 5 * RELOAD_LIMIT_MS) return { ...answer, ms };
        await sleep(20);
      }
    },
    async stop() {
      if (child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

async function urlOf(child: ChildProcess): Promise<string> {
  const output = child.stdout;
  if (output === null) throw new Error("Cannot go on: the router's output must be read");
  let found: string | undefined;
  for await (const text of createInterface({ input: output })) {
    found = (JSON.parse(text) as { url?: string }).url;
    if (found !== undefined) break;
  }
  if (found === undefined) throw new Error("Cannot go on: the router ended before it was up");
  // The end of the loop has paused it; unread, the router's lines would fill the pipe and hold the router up.
  output.resume();
  return found;
}

function answerOf(url: string, host: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { headers: { host }, agent: false } as const;
    const asking = request(new URL(`/${SERVICE}/`, url), options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as { code?: string };
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    asking.on("error", reject).end();
  });
}
