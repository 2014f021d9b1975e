import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { acceptSnapshot } from "../../router/snapshot.ts";
import { readTrust } from "../../router/trust.ts";
import { folderStore, snapshotFolder } from "../../service/routing/snapshotStore.ts";
import { signerOf } from "../../service/signing/signer.ts";
import {
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
});
afterEach(() => service.stop());

const trusted = () => readTrust(signerOf({ dataDir: service.dataDir, signingKey: undefined }).publicKey);
const folder = () => snapshotFolder(service.dataDir, plane);
const published = async () => {
  const snapshot = await folderStore(folder()).latest();
  // What is published is what the router takes.
  if (snapshot !== undefined)
    acceptSnapshot(JSON.stringify(snapshot), undefined, { trust: trusted(), planeName: plane });
  return snapshot;
};
const states = async () =>
  Object.fromEntries((await published())?.routes.map(({ host, state }) => [host.split(".")[0], state]) ?? []);

it("follows a tenant through its life", async () => {
  const tenantId = await createTenant(service, "acme");
  expect(await published()).toBeUndefined();
  await run(service, `/tenants/${tenantId}/activate`);
  expect(await states()).toEqual({ acme: "live" });
  await run(service, `/tenants/${tenantId}/suspend`, { reason: "unpaid" });
  expect(await states()).toEqual({ acme: "suspended" });
  await run(service, `/tenants/${tenantId}/reactivate`, { reason: "paid" });
  expect(await states()).toEqual({ acme: "live" });
  expect((await published())?.version).toBe(3);
});

it.each([
  ["is gone", () => rmSync(folder(), { recursive: true })],
  ["is damaged", () => writeFileSync(join(folder(), "latest.json"), "{")],
])("is published again at the next start when it %s", async (_what, damage) => {
  const tenantId = await createTenant(service, "acme");
  await run(service, `/tenants/${tenantId}/activate`);
  const before = await published();
  damage();
  await service.restart();
  expect(await waitFor("the snapshot", () => published())).toEqual(before);
});
