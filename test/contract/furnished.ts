import {
  controlPlane,
  createRelease,
  createTenant,
  plane,
  run,
  type TestService,
} from "../service/harness.ts";
import { type Operation, operations } from "./document.ts";

/**
 * A service in which every mutation of the document has something to act on, so that what refuses it is what is asked about and not that
 * its subject is missing. Requests are the document's own examples, about what is there.
 */
export interface Furnished {
  /** As the document shows it; `known` takes the place of what there is otherwise, by the names of parameters. */
  requestOf(operation: Operation, known?: Readonly<Record<string, string>>): FurnishedRequest;
  /** Sends the operation's example, and gives its answer. */
  send(operation: Operation, headers?: Record<string, string>): ReturnType<TestService["call"]>;
}

export interface FurnishedRequest {
  readonly path: string;
  readonly body: object | undefined;
}

/** A tenant in each state, by its slug; `acme` is the one of the examples. */
const SLUGS = ["acme", "drafted", "resting", "stored", "ending"] as const;
type Slug = (typeof SLUGS)[number];

/** Where `acme`, which is active, would be refused for its status. */
const ABOUT: Readonly<Record<string, Slug>> = {
  tenantActivate: "drafted",
  tenantDelete: "drafted",
  tenantReactivate: "resting",
  tenantArchive: "resting",
  tenantRestore: "stored",
  tenantDecommissionUndo: "ending",
};

const EXAMPLE_ID = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
const reason = "because of a test";

/** No read, nor a question that is too long for a query. */
export const mutations: readonly Operation[] = operations.filter(
  ({ method, isOpen, role }) => method !== "GET" && !isOpen && role !== "auditor",
);

export async function furnish(service: TestService): Promise<Furnished> {
  const made = async (method: string, path: string, body: object) => {
    const answer = await service.call(method, `${controlPlane}${path}`, { body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  for (const version of ["1.0.0", "2.0.0"]) await createRelease(service, version);
  const ids = {} as Record<Slug, string>;
  for (const slug of SLUGS) ids[slug] = await createTenant(service, slug);
  for (const slug of SLUGS.filter((slug) => slug !== "drafted"))
    await run(service, `/tenants/${ids[slug]}/activate`);
  for (const slug of ["resting", "stored"] as const)
    await run(service, `/tenants/${ids[slug]}/suspend`, { reason });
  await run(service, `/tenants/${ids.stored}/archive`, { reason });
  await run(service, `/tenants/${ids.ending}/decommission`, { confirmSlug: "ending", reason });

  const tenantId = ids.acme;
  const acme = `/tenants/${tenantId}`;
  for (const capabilityKey of ["audit-export", "connectors"])
    await made("POST", `${acme}/entitlements`, { capabilityKey, enabled: true, reason });
  await made("PUT", `${acme}/external-ids/crm`, { externalId: "4711" });
  await made("POST", "/flags", { flagKey: "new-view" });
  await made("PUT", `/flags/new-view/overrides/${tenantId}`, { enabled: true, reason });
  const cache = "/residency/regions/eu-west-1/endpoints/cache";
  await made("PUT", cache, { address: "one.example", reason });
  const person = { role: "incident", name: "Night desk", email: "night@acme.example" };
  const slack = { connectorKey: "slack", name: "Chat", secretRefs: { BOT_TOKEN: "/dev/tenants/acme/slack" } };
  const freeze = { fromAt: "2031-12-20T00:00:00.000Z", untilAt: "2032-01-02T00:00:00.000Z" };
  const limit = { kind: "quota", quota: "eventsPerDay", value: 5 };
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  const [{ operationId }] = (await service.call("GET", `${controlPlane}/operations?tenantId=${tenantId}`))
    .body.items;
  const params: Record<string, string> = {
    ...{ tenantId, operationId, planeName: plane, slug: "acme", system: "crm", recordVersion: "1" },
    ...{ capabilityKey: "audit-export", flagKey: "new-view", region: "eu-west-1", kind: "cache" },
    ...{
      externalId: "4711",
      releaseNumber: "1",
      planKey: "starter",
      quota: "targets",
      connectorKey: "slack",
    },
    ...{ dataClass: "outbox", meterKey: "llm_tokens", scope: `plane/${plane}` },
    contactId: (await made("POST", `${acme}/contacts`, person)).contactId,
    domainId: (await made("POST", `${acme}/domains`, { domain: "acme.test" })).domainId,
    integrationId: (await made("POST", `${acme}/integrations`, slack)).integrationId,
    incidentId: (await made("POST", "/incidents", { title: "It is slow", severity: "minor" })).incidentId,
    pinId: (await made("POST", "/pins", { tenantId, reason })).pinId,
    windowId: (await made("POST", "/windows", { effect: "deny", tenantId, reason, ...freeze })).windowId,
    overrideId: (await made("POST", "/limit-overrides", { tenantId, limit, reason, expiresAt })).overrideId,
    keyId: (await made("POST", "/api-keys", { name: "another", role: "auditor" })).keyId,
    ...{ rolloutId: EXAMPLE_ID, causeId: EXAMPLE_ID, ignoreId: EXAMPLE_ID, scheduleId: EXAMPLE_ID },
  };

  const requestOf: Furnished["requestOf"] = (operation, known = {}) => {
    const { operationId, bodyExamples, parameters } = operation;
    const all: Record<string, string> = { ...params, tenantId: ids[ABOUT[operationId] ?? "acme"], ...known };
    const path = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) =>
      encodeURIComponent(all[name] ?? name),
    );
    const query = parameters.some(({ name, required }) => name === "reason" && required === true)
      ? `?reason=${encodeURIComponent(reason)}`
      : "";
    const [example] = bodyExamples;
    const body =
      example && JSON.parse(JSON.stringify(example).replaceAll(EXAMPLE_ID, all.tenantId ?? EXAMPLE_ID));
    return { path: `${path}${query}`, body };
  };
  return {
    requestOf,
    async send(operation, headers = {}) {
      const { path, body } = requestOf(operation);
      return service.call(operation.method, path, { headers, ...(body !== undefined && { body }) });
    },
  };
}
