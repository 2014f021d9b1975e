import type { Page } from "../../contract/common.ts";
import type { Connector } from "../../contract/connector.ts";
import { ProblemError } from "../../contract/errors.ts";
import type {
  Integration,
  IntegrationCreate,
  IntegrationListQuery,
  IntegrationUpdate,
} from "../../contract/integration.ts";
import * as registry from "../../registry/integration.ts";
import type { Change } from "../../registry/registry.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { refuseGone } from "../../registry/tenantProblem.ts";
import { connectorsOf } from "../integrations/connectors.ts";
import { entitledAt, refuseUnentitled } from "../integrations/entitled.ts";
import { refuseUnfit } from "../integrations/fits.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

/** A tenant's integrations. To make one or to switch one on asks for the connector's capability; to switch off or to remove never does. */

export async function integrationCreate(
  context: RequestContext,
  tenantId: string,
  { connectorKey, connectorVersion, name, settings, secretRefs, reason }: IntegrationCreate,
): Promise<Integration> {
  await authorize(context, "integrationCreate", tenantId);
  const connector = connectorsOf(context.settings).get(connectorKey);
  const version = connectorVersion ?? connector.versions[0] ?? "";
  refuseRetired(connector);
  refuseUnfit(connector, { connectorVersion: version, settings, secretRefs });
  const creating = async (change: Change) => {
    refuseGone(await tenantGet(change.db, tenantId));
    await refuseUnentitled(change, "integrationCreate", tenantId, connector);
    const facts = { tenantId, connectorKey, connectorVersion: version, name, settings, secretRefs };
    return { ...(await registry.integrationCreate(change, facts, reason)), entitled: true };
  };
  return changeAs(context, creating, { tenantId });
}

export async function integrationList(
  context: RequestContext,
  tenantId: string,
  query: IntegrationListQuery,
): Promise<Page<Integration>> {
  await authorize(context, "integrationList", tenantId);
  return context.registry.read(async (db) => {
    await tenantGet(db, tenantId);
    const page = await registry.integrationList(db, tenantId, query);
    const isEntitled = await entitledAt(db, tenantId, new Date().toISOString());
    return { ...page, items: page.items.map((record) => withEntitled(context, record, isEntitled)) };
  });
}

export async function integrationGet(
  context: RequestContext,
  tenantId: string,
  integrationId: string,
): Promise<Integration> {
  await authorize(context, "integrationGet", tenantId);
  return context.registry.read(async (db) => {
    await tenantGet(db, tenantId);
    const record = await registry.integrationGet(db, tenantId, integrationId);
    return withEntitled(context, record, await entitledAt(db, tenantId, new Date().toISOString()));
  });
}

interface Which {
  readonly tenantId: string;
  readonly integrationId: string;
}

export async function integrationUpdate(
  context: RequestContext,
  which: Which,
  { reason, ...edit }: IntegrationUpdate,
  expectedVersion: number | undefined,
): Promise<Integration> {
  await authorize(context, "integrationUpdate", which.tenantId);
  return changeOne(context, which, async (change, before) => {
    refuseUnfit(connectorsOf(context.settings).get(before.connectorKey), {
      connectorVersion: edit.connectorVersion ?? before.connectorVersion,
      settings: edit.settings ?? before.settings,
      secretRefs: edit.secretRefs ?? before.secretRefs,
    });
    return registry.integrationUpdate(change, before, edit, { expectedVersion, reason });
  });
}

export async function integrationDisable(
  context: RequestContext,
  which: Which,
  reason: string | undefined,
  expectedVersion: number | undefined,
): Promise<Integration> {
  await authorize(context, "integrationDisable", which.tenantId);
  return changeOne(context, which, (change, before) =>
    registry.integrationSwitch(change, before, "disabled", { expectedVersion, reason }),
  );
}

export async function integrationEnable(
  context: RequestContext,
  which: Which,
  reason: string | undefined,
  expectedVersion: number | undefined,
): Promise<Integration> {
  await authorize(context, "integrationEnable", which.tenantId);
  return changeOne(context, which, async (change, before) => {
    const connector = connectorsOf(context.settings).get(before.connectorKey);
    await refuseUnentitled(change, "integrationEnable", which.tenantId, connector);
    return registry.integrationSwitch(change, before, "enabled", { expectedVersion, reason });
  });
}

export async function integrationRemove(
  context: RequestContext,
  which: Which,
  reason: string | undefined,
  expectedVersion: number | undefined,
): Promise<Integration> {
  await authorize(context, "integrationRemove", which.tenantId);
  return changeOne(context, which, async (change, before) => {
    await registry.integrationRemove(change, before, { expectedVersion, reason });
    return before;
  });
}

async function changeOne(
  context: RequestContext,
  { tenantId, integrationId }: Which,
  work: (change: Change, before: registry.IntegrationRecord) => Promise<registry.IntegrationRecord>,
): Promise<Integration> {
  const changing = async (change: Change) => {
    refuseGone(await tenantGet(change.db, tenantId));
    const after = await work(change, await registry.integrationGet(change.db, tenantId, integrationId));
    return withEntitled(context, after, await entitledAt(change.db, tenantId, change.now));
  };
  return changeAs(context, changing, { tenantId });
}

/** One whose connector has left the catalog is nobody's right any more. */
function withEntitled(
  { settings }: RequestContext,
  record: registry.IntegrationRecord,
  isEntitled: (capability: string) => boolean,
): Integration {
  const capability = connectorsOf(settings).find(record.connectorKey)?.capability;
  return { ...record, entitled: capability !== undefined && isEntitled(capability) };
}

function refuseRetired({ name, connectorKey, status }: Connector): void {
  if (status !== "retired") return;
  throw new ProblemError("connector_retired", {
    detail: `Cannot connect ${name}: the connector is retired, and takes no new instances.`,
    hint: "GET /v1/control-plane/integrations lists what there is instead.",
    errors: [{ path: "body.connectorKey", message: "is retired", value: connectorKey }],
  });
}
