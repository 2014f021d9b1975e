import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { RouteState, RoutingSnapshot } from "../../contract/routingSnapshot.ts";
import type { Target } from "../../contract/target.ts";
import type { Registry } from "../../registry/registry.ts";
import { routeSet, routingLatest, routingRelease, routingRollback } from "../../registry/routing.ts";
import { sealed } from "../../registry/routingContent.ts";
import { routingVersion } from "../../registry/routingHead.ts";
import {
  routesAtQuery,
  routingVersionList,
  routingVersionListQuery,
  snapshotGet,
} from "../../registry/routingSnapshot.ts";
import { createSigner } from "../../service/signing/signer.ts";
import { addTarget, context } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const signer = createSigner(generateKeyPairSync("ed25519").privateKey);
const making = { services: ["iam-service"], sharedHost: "go.example.com", signer };
const PLANE = "dev-eu-west-1";
const wish = (slug: string, state: RouteState = "live") => ({
  host: `${slug}.example.com`,
  routingTarget: `${slug}.internal`,
  state,
});
const set = (registry: Registry, target: Target, wanted: ReturnType<typeof wish> | undefined) =>
  registry.change(context, async (change) => {
    const before = await routingVersion(change.db, PLANE);
    const { newest } = await routeSet(change, target, wanted, making);
    const snapshot = await snapshotGet(change.db, PLANE, newest.version);
    return { snapshot, changed: newest.version > before };
  });
const snapshotOf = (registry: Registry) =>
  registry.read(async (db) => (await routingLatest(db, PLANE)) ?? expect.unreachable("there is no snapshot"));

describeDialects("a plane's routing", (create, dialect) => {
  it("has a new version with each change, and none without one", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    const seen: [number, boolean, string[]][] = [];
    for (const wanted of [wish("acme"), wish("acme"), wish("acme", "suspended"), undefined, undefined]) {
      const { snapshot, changed } = await set(registry, target, wanted);
      seen.push([snapshot.version, changed, snapshot.routes.map(({ host, state }) => `${host} ${state}`)]);
    }
    expect(seen).toEqual([
      [1, true, ["acme.example.com live"]],
      [1, false, ["acme.example.com live"]],
      [2, true, ["acme.example.com suspended"]],
      [3, true, []],
      [3, false, []],
    ]);
    await registry.close();
  });

  it("is the same text for the same version, whoever asks when", async () => {
    const registry = await (await create()).open();
    const { target } = await addTarget(registry, "acme");
    const { snapshot } = await set(registry, target, wish("acme"));
    const kept = await snapshotOf(registry);
    expect(kept).toEqual(snapshot);
    const { checksum: _checksum, keyId: _keyId, signature: _signature, ...body } = kept;
    expect(sealed(body, signer)).toEqual(kept);
    await registry.close();
  });

  it("numbers the changes of many targets without a gap and loses none", async () => {
    const database = await create();
    const registry = await database.open();
    const targets: Target[] = [];
    for (const slug of ["one", "two", "three", "four"])
      targets.push((await addTarget(registry, slug)).target);
    // Two registries on SQLite would wait for each other in one thread.
    const others = dialect === "sqlite" ? [] : [await database.open(), await database.open()];
    const versions = await Promise.all(
      targets.map(async (target, place) => {
        const { snapshot } = await set(others[place % 2] ?? registry, target, wish(`tenant-${place}`));
        return snapshot.version;
      }),
    );
    expect(versions.sort()).toEqual([1, 2, 3, 4]);
    expect((await snapshotOf(registry)).routes).toHaveLength(4);
    expect(await registry.read((db) => routingVersion(db, PLANE))).toBe(4);
    for (const each of [registry, ...others]) await each.close();
  });

  it("gives back every version as it was signed, whatever has become of it since", async () => {
    const registry = await (await create()).open();
    const targets: Target[] = [];
    for (const slug of ["one", "two", "three"]) targets.push((await addTarget(registry, slug)).target);
    const random = fc.sample(fc.tuple(fc.nat(2), fc.nat(3)), { numRuns: 25, seed: 7 });
    const signed = new Map<number, RoutingSnapshot>();
    const keep = ({ snapshot }: { snapshot: RoutingSnapshot }) => void signed.set(snapshot.version, snapshot);
    for (const [place, what] of random) {
      const target = targets[place] ?? expect.unreachable();
      const wanted = [undefined, wish(`t${place}`), wish(`t${place}`, "suspended"), wish("shared")][what];
      keep(await set(registry, target, wanted));
    }
    const last = Math.max(...signed.keys());
    expect(last).toBeGreaterThan(8);
    keep(
      await registry.change(context, (change) =>
        routingRollback(change, PLANE, Math.ceil(last / 2), "because", making),
      ),
    );
    keep(await registry.change(context, (change) => routingRelease(change, PLANE, "because", making)));
    for (const [version, snapshot] of signed) {
      expect(await registry.read((db) => snapshotGet(db, PLANE, version))).toEqual(snapshot);
    }
    const versions = await registry.read((db) => routingVersionList(db, PLANE, { limit: 200 }));
    expect(versions.items.map(({ version }) => version)).toEqual([...signed.keys()].sort((a, b) => b - a));
    await registry.close();
  });

  it("reads a version and a page of them by index", async () => {
    const registry = await (await create()).open();
    const plans = await registry.read(async (db) => [
      await registry.explain(routesAtQuery(db, PLANE, 3).compile()),
      await registry.explain(routingVersionListQuery(db, PLANE, { limit: 10 }).compile()),
    ]);
    if (dialect === "sqlite") for (const plan of plans) expect(plan.join()).not.toMatch(/SCAN routing/);
    await registry.close();
  });
});
