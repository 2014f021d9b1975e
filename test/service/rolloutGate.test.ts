import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createRelease, startTestService, type TestService } from "./harness.ts";
import { activeTenants, type RolloutClient, rolloutsOf } from "./rollouts.ts";

/** What a rollout makes of its health gate's answers while its targets bake. */
let service: TestService;
let rollouts: RolloutClient;
let server: Server;
let origin = "";
let version = 1;
/** Answers for the next checks, taken from the front; then `usual`. */
let next: number[] = [];
let usual = 200;
let errors = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url?.startsWith("/metric")) {
      const result = [{ metric: {}, value: [1, String(errors)] }];
      return void response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
    }
    response.writeHead(next.shift() ?? usual).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  service = await startTestService(["--gate-poll-ms", "50", "--gate-hosts", "127.0.0.1"]);
  rollouts = rolloutsOf(service);
  await createRelease(service, "1.0.0");
  await activeTenants(service, ["gate-a"]);
});
beforeEach(() => {
  next = [];
  usual = 200;
  errors = 0;
});
afterAll(async () => {
  await service.stop();
  server.closeAllConnections();
  server.close();
});

async function begun(healthGate: object, bakeMs: number): Promise<string> {
  version += 1;
  const releaseNumber = await createRelease(service, `${version}.0.0`);
  const change = { kind: "release", releaseNumber };
  const rollout = await rollouts.previewed({ change, waves: [], bakeMs, healthGate });
  await rollouts.start(rollout);
  return rollout.rolloutId;
}

/** Its one target is deployed, and bakes for long. */
async function baking(healthGate: object): Promise<string> {
  const rolloutId = await begun(healthGate, 600_000);
  await rollouts.until(rolloutId, ({ counts }) => counts.baking === 1);
  return rolloutId;
}

async function failureOf(rolloutId: string): Promise<string> {
  expect(await rollouts.ended(rolloutId)).toMatchObject({ status: "failed", counts: { failed: 1 } });
  const [target] = await rollouts.targets(rolloutId, "?status=failed");
  return target.reason;
}

describe("a target that bakes", () => {
  const http = () => ({ http: { url: `${origin}/health/{slug}` } });

  it("fails when its HTTP check turns to 503", async () => {
    const rolloutId = await baking(http());
    usual = 503;
    expect(await failureOf(rolloutId)).toBe(
      `the HTTP check must answer 200, got 503 from ${origin}/health/gate-a`,
    );
  });

  it("fails when its metric leaves its bounds", async () => {
    const metric = { url: `${origin}/metric`, query: 'errors{tenant="{slug}"}', max: 1 };
    const rolloutId = await baking({ metric });
    errors = 7;
    expect(await failureOf(rolloutId)).toBe("the metric must be at most 1, got 7");
  });

  it("passes when it was unwell in two looks, and fails when it was in three", async () => {
    next = [503, 503];
    expect(await rollouts.ended(await begun(http(), 0))).toMatchObject({ counts: { succeeded: 1 } });
    expect(next).toEqual([]);
    next = [503, 503, 200, 503, 503];
    expect(await rollouts.ended(await begun(http(), 400))).toMatchObject({ status: "succeeded" });
    next = [503, 503, 503];
    expect(await failureOf(await begun(http(), 0))).toContain("got 503");
    expect(next).toEqual([]);
  });
});
