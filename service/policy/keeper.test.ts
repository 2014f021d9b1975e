import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import type { Registry } from "../../registry/registry.ts";
import type { Logger } from "../log.ts";
import { createMetrics } from "../metrics.ts";
import { createPolicyKeeper } from "./keeper.ts";

/** A source at a URL, and a registry that can be made to take nothing. */
const good = '@id("all") permit (principal, action, resource);';
const better = `${good} // and more`;
const bad = '@id("typo") @reason("x") forbid (principal, action, resource) when { context.reson == "" };';

let server: Server | undefined;
afterEach(() => server?.close());

async function keeperOf() {
  const told: string[] = [];
  const at = { text: good, isDown: false, records: 0 };
  server = createServer((request, response) => {
    const etag = `"${at.text.length}"`;
    const isSame = request.headers["if-none-match"] === etag;
    response.writeHead(isSame ? 304 : 200, { etag }).end(isSame ? undefined : at.text);
  });
  await new Promise<void>((listening) => server?.listen(0, "127.0.0.1", listening));
  const registry = {
    read: async () => undefined,
    change: async () => {
      if (at.isDown) throw new Error("the registry takes nothing");
      at.records += 1;
      return { loadedAt: "2026-03-02T14:05:00.000Z", isNew: true };
    },
  } as unknown as Registry;
  const log = { info() {}, warn() {}, error: (_: unknown, text: string) => told.push(text) };
  const keeper = createPolicyKeeper({
    settings: {
      policies: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.cedar`,
      policiesKey: undefined,
      policiesPollMs: 3_600_000,
    },
    registry,
    metrics: createMetrics(),
    log: log as unknown as Logger,
  });
  return { keeper, at, told };
}

it("goes on saying that a set at a URL was refused when the URL says that it is as before", async () => {
  const { keeper, at, told } = await keeperOf();
  expect(await keeper.reload()).toBe(true);
  const before = keeper.current?.version;
  at.text = bad;
  for (const _look of [1, 2, 3]) {
    expect(await keeper.reload()).toBe(false);
    expect(keeper.status.problem?.messages[0]).toContain("reson");
    expect(keeper.current?.version).toBe(before);
  }
  expect(told).toEqual(["policies not taken"]);
  at.text = better;
  expect(await keeper.reload()).toBe(true);
  expect(keeper.status.problem).toBeNull();
});

it("writes a set that holds down at the next look where it could not be at once", async () => {
  const { keeper, at } = await keeperOf();
  at.isDown = true;
  await keeper.reload();
  expect(keeper.status).toMatchObject({ loadedAt: null, problem: { messages: [expect.any(String)] } });
  at.isDown = false;
  await keeper.reload();
  expect(at.records).toBe(1);
  expect(keeper.status).toMatchObject({ loadedAt: expect.any(String), problem: null });
  await keeper.reload();
  expect(at.records).toBe(1);
});
