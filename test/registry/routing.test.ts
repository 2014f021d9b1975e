import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import type { RouteState } from "../../contract/routingSnapshot.ts";
import type { Target } from "../../contract/target.ts";
import type { Registry } from "../../registry/registry.ts";
import { routeSet, routingLatest } from "../../registry/routing.ts";
import { sealed } from "../../registry/routingContent.ts";
import { routingVersion } from "../../registry/routingHead.ts";
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
  registry.change(context, (change) => routeSet(change, target, wanted, making));
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
});
