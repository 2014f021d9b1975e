import type { Page } from "../../contract/common.ts";
import type { Connector, ConnectorListQuery } from "../../contract/connector.ts";
import { connectorsOf } from "../integrations/connectors.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

export async function connectorList(
  context: RequestContext,
  query: ConnectorListQuery,
): Promise<Page<Connector>> {
  await authorize(context, "connectorList");
  return connectorsOf(context.settings).list(query);
}

export async function connectorGet(context: RequestContext, connectorKey: string): Promise<Connector> {
  await authorize(context, "connectorGet");
  return connectorsOf(context.settings).get(connectorKey);
}
