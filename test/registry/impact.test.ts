import { expect, it } from "vitest";
import { flagCreateSchema } from "../../contract/flag.ts";
import { impactQuerySchema } from "../../contract/impact.ts";
import { incidentCreateSchema } from "../../contract/incident.ts";
import { driftCausesSettle } from "../../registry/driftCause.ts";
import { driftFindingsReport, type SeenDrift } from "../../registry/driftFinding.ts";
import { flagCreate } from "../../registry/flag.ts";
import { flagOverrideSet } from "../../registry/flagOverride.ts";
import { impactList, impactQuery } from "../../registry/impact.ts";
import {
  incidentCreate,
  incidentNoteCreate,
  incidentNoteList,
  incidentsTouching,
  incidentUpdate,
} from "../../registry/incident.ts";
import type { Registry } from "../../registry/registry.ts";
import { releaseCreate } from "../../registry/release.ts";
import { targetsOfTenant, targetUpdate } from "../../registry/target.ts";
import { addPlane, addRelease, addTenant, context, newTarget } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

const digest = `sha256:${"a".repeat(64)}`;

/** acme and globex on dev with releases 1 and 2, initech on prod on its way from 1 to 2. */
async function world(registry: Registry) {
  const first = await addRelease(registry, "1.0.0");
  const services = {
    ...first.services,
    "iam-service": { image: `r/iam-service:2@${digest}`, environment: {} },
  };
  await registry.change(context, (change) => releaseCreate(change, { description: "2", services }));
  const [dev, prod] = [await addPlane(registry, "dev"), await addPlane(registry, "prod")];
  const tenants = new Map<string, string>();
  for (const [slug, plane, current, goal] of [
    ["acme", dev, 1, 1],
    ["globex", dev, 2, 2],
    ["initech", prod, 1, 2],
  ] as const) {
    const tenant = await addTenant(registry, slug, { labels: { name: slug } });
    tenants.set(slug, tenant.tenantId);
    await registry.change(context, async (change) => {
      const { targetId } = await newTarget(change, tenant, plane);
      const numbers = { currentReleaseNumber: current, targetReleaseNumber: goal };
      await targetUpdate(change, targetId, { ...numbers, clusterName: `${plane.name}-cluster` });
    });
  }
  const asked = async (query: object) => {
    const parsed = impactQuerySchema.parse(query);
    return registry.read((db) => impactList(db, parsed, new Date().toISOString()));
  };
  const slugs = async (query: object) => (await asked(query)).items.map(({ slug }) => slug).sort();
  const idOf = (slug: string) => tenants.get(slug) ?? "";
  return { asked, slugs, idOf };
}

describeDialects("impact", (create) => {
  it("is asked by release, image, service, cluster, region and plane; of several all must hold", async () => {
    const registry = await (await create()).open();
    const { asked, slugs } = await world(registry);
    expect(await slugs({ release: 1 })).toEqual(["acme", "initech"]);
    expect(await slugs({ release: 2 })).toEqual(["globex", "initech"]);
    expect(await slugs({ imageDigest: digest })).toEqual(["globex"]);
    expect(await slugs({ imageDigest: digest, service: "audit-service" })).toEqual([]);
    expect(await slugs({ service: "audit-service" })).toEqual(["acme", "globex", "initech"]);
    expect(await slugs({ plane: "dev-eu-west-1", release: 1 })).toEqual(["acme"]);
    expect(await slugs({ cluster: "prod-eu-west-1-cluster" })).toEqual(["initech"]);
    expect(await slugs({ region: "us-east-1" })).toEqual([]);
    const { items } = await asked({ release: 2, region: "eu-west-1", imageDigest: digest });
    expect(items).toMatchObject([
      {
        slug: "globex",
        why: ["runs release 2", `iam-service runs r/iam-service:2@${digest}`, "is in eu-west-1"],
      },
    ]);
    const coming = await asked({ release: 2, plane: "prod-eu-west-1" });
    expect(coming.items[0]?.why[0]).toBe("is to be brought to release 2");
  });

  it("is paged without losing or doubling anybody", async () => {
    const registry = await (await create()).open();
    const { asked } = await world(registry);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await asked({ region: "eu-west-1", limit: 2, ...(cursor !== null && { cursor }) });
      seen.push(...page.items.map(({ slug }) => slug));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(["initech", "globex", "acme"]);
  });

  it("is asked by flag as the flag comes out, overrides and their expiry included", async () => {
    const registry = await (await create()).open();
    const { slugs, asked, idOf } = await world(registry);
    const rules = [{ cohort: { labels: { name: "acme" } }, enabled: true }];
    await registry.change(context, async (change) => {
      await flagCreate(change, flagCreateSchema.parse({ flagKey: "new-view", rules }));
      await flagOverrideSet(change, "new-view", idOf("globex"), true);
      await flagOverrideSet(change, "new-view", idOf("initech"), true, {
        expiresAt: "2020-01-01T00:00:00.000Z",
      });
    });
    expect(await slugs({ flag: "new-view" })).toEqual(["acme", "globex"]);
    expect(await slugs({ flag: "new-view", release: 1 })).toEqual(["acme"]);
    expect((await asked({ flag: "new-view", limit: 1 })).nextCursor).not.toBeNull();
    await expect(slugs({ flag: "other" })).rejects.toMatchObject({ code: "flag_not_found" });
  });

  it("is asked by incident: whom it names, and who is where or on what it names", async () => {
    const registry = await (await create()).open();
    const { asked, idOf } = await world(registry);
    const affects = { tenantIds: [idOf("acme")], planes: ["prod-eu-west-1"], releaseNumbers: [2] };
    const { incidentId } = await registry.change(context, (change) =>
      incidentCreate(change, incidentCreateSchema.parse({ title: "it burns", severity: "major", affects })),
    );
    const found = await asked({ incident: incidentId });
    expect(Object.fromEntries(found.items.map(({ slug, why }) => [slug, why]))).toEqual({
      acme: ['the incident "it burns" names the tenant'],
      globex: ['the incident "it burns" names its release: it runs release 2'],
      initech: [
        'the incident "it burns" names the plane prod-eu-west-1',
        'the incident "it burns" names its release: it is to be brought to release 2',
      ],
    });
    const nobody = await registry.change(context, (change) =>
      incidentCreate(change, incidentCreateSchema.parse({ title: "nobody", severity: "minor" })),
    );
    expect((await asked({ incident: nobody.incidentId })).items).toEqual([]);
  });

  it("is asked by a cause of drift while it is open there, and of what is not there at all", async () => {
    const registry = await (await create()).open();
    const { asked, slugs, idOf } = await world(registry);
    const [target] = await registry.read((db) => targetsOfTenant(db, idOf("acme")));
    if (target === undefined) throw new Error("acme must have a target");
    const finding: SeenDrift = {
      ...{ urn: "urn:a", resourceType: "aws:sqs/queue:Queue", logicalName: "a", physicalId: "a" },
      kind: "changed",
      properties: [{ path: "delaySeconds", recorded: 0, actual: 9 }],
    };
    const see = (seen: readonly SeenDrift[]) =>
      registry.change(context, async (change) => {
        await driftFindingsReport(change, target, null, seen);
        return driftCausesSettle(change);
      });
    const [driftCause = ""] = (await see([finding])).opened;
    expect((await asked({ driftCause })).items).toMatchObject([
      { slug: "acme", why: [`has drifted by the cause ${driftCause}`] },
    ]);
    await see([]);
    expect(await slugs({ driftCause })).toEqual([]);
    const nobody = { driftCause: idOf("acme") };
    await expect(asked(nobody)).rejects.toMatchObject({ code: "drift_cause_not_found" });
    await expect(asked({ plane: "dev-eu-west-9" })).rejects.toMatchObject({ code: "plane_not_found" });
  });

  it("walks an index when asked by release, cluster or region", async () => {
    const registry = await (await create()).open();
    if (registry.dialect !== "sqlite") return;
    const plan = (query: object) =>
      registry.read(async (db) => {
        const asked = impactQuerySchema.parse(query);
        return (await registry.explain(impactQuery(db, asked, {}, undefined, 50).compile())).join("\n");
      });
    expect(await plan({ cluster: "a" })).toContain("targets_by_cluster_name");
    expect(await plan({ region: "a" })).toContain("targets_by_region");
    expect(await plan({ imageDigest: digest })).toContain("release_images_by_digest");
  });
});

describeDialects("incidents", (create) => {
  it("go on in a timeline, are resolved once, and take notes afterwards", async () => {
    const registry = await (await create()).open();
    const input = incidentCreateSchema.parse({ title: "it burns", severity: "major", note: "since 9:30" });
    const { incidentId } = await registry.change(context, (change) => incidentCreate(change, input));
    const update = (more: object) =>
      registry.change(context, (change) => incidentUpdate(change, incidentId, more));
    await update({ status: "monitoring", note: "the fix is out" });
    const resolved = await update({ status: "resolved" });
    expect(resolved).toMatchObject({ recordVersion: 3, resolvedBy: "key-of-ada", status: "resolved" });
    await expect(update({ severity: "minor" })).rejects.toMatchObject({ code: "incident_resolved" });
    await registry.change(context, (change) => incidentNoteCreate(change, incidentId, "it was the disk"));
    const notes = await registry.read((db) => incidentNoteList(db, incidentId, { limit: 50 }));
    expect(notes.items.map(({ status, text }) => [status, text])).toEqual([
      ["investigating", "since 9:30"],
      ["monitoring", "the fix is out"],
      ["resolved", "it was the disk"],
    ]);
  });

  it("that are open are found by whom they touch", async () => {
    const registry = await (await create()).open();
    const { tenantId } = await addTenant(registry, "acme");
    const open = (title: string, affects: object) =>
      registry.change(context, (change) =>
        incidentCreate(change, incidentCreateSchema.parse({ title, severity: "minor", affects })),
      );
    await open("the tenant", { tenantIds: [tenantId] });
    await open("the plane", { planes: ["dev-eu-west-1"] });
    await open("another plane", { planes: ["prod-eu-west-1"] });
    const over = await open("the release", { releaseNumbers: [7] });
    const touching = () =>
      registry.read(async (db) => {
        const touched = { tenantId, planeNames: ["dev-eu-west-1"], releaseNumbers: [7] };
        return (await incidentsTouching(db, touched, 50)).map(({ title }) => title);
      });
    expect(await touching()).toEqual(["the release", "the plane", "the tenant"]);
    await registry.change(context, (change) =>
      incidentUpdate(change, over.incidentId, { status: "resolved" }),
    );
    expect(await touching()).toEqual(["the plane", "the tenant"]);
  });
});
