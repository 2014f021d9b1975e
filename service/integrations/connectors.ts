import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import type { Page } from "../../contract/common.ts";
import {
  CONNECTOR_LIMITS,
  type Connector,
  type ConnectorListQuery,
  connectorSchema,
} from "../../contract/connector.ts";
import { ProblemError } from "../../contract/errors.ts";
import { issueText } from "../../contract/issueText.ts";
import { pageAfter, toPage } from "../../registry/cursor.ts";
import { SettingsError } from "../config/settingsError.ts";
import type { Settings } from "../config.ts";

/**
 * The connectors there are: a YAML file, the project's own unless a setting names another. It is read and checked once, at
 * start, and a service does not start with one it cannot read: half a catalog would refuse tenants what they have.
 */
export interface Connectors {
  find(connectorKey: string): Connector | undefined;
  get(connectorKey: string): Connector;
  list(query: ConnectorListQuery): Page<Connector>;
}

const ownCatalog = new URL("../../catalog/connectors.yaml", import.meta.url);
const loaded = new Map<string, Connectors>();

export function connectorsOf({ connectorCatalog }: Pick<Settings, "connectorCatalog">): Connectors {
  const file = connectorCatalog ?? ownCatalog;
  const known = loaded.get(String(file));
  if (known !== undefined) return known;
  const connectors = createConnectors(readConnectors(file));
  loaded.set(String(file), connectors);
  return connectors;
}

const catalogSchema = z.strictObject({
  connectors: z
    .array(connectorSchema)
    .max(CONNECTOR_LIMITS.connectors)
    .refine((all) => new Set(all.map(({ connectorKey }) => connectorKey)).size === all.length, {
      error: "must not hold a connectorKey twice",
    }),
});

function readConnectors(file: string | URL): Connector[] {
  const unusable = (must: string, cause: unknown) =>
    new SettingsError(`Cannot start: --connector-catalog must be ${must}, got ${file}.`, { cause });
  let content: unknown;
  try {
    content = parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw unusable(`a readable file of YAML (${(cause as Error).message.split("\n", 1)[0]})`, cause);
  }
  const result = catalogSchema.safeParse(content);
  if (result.success) return result.data.connectors;
  const said = result.error.issues
    .slice(0, CONNECTOR_LIMITS.problemsTold)
    .map((issue) => `${issue.path.join(".")} ${issueText(issue)}`);
  throw unusable(`a catalog of connectors (${said.join("; ")})`, result.error);
}

export function createConnectors(all: readonly Connector[]): Connectors {
  const byKey = new Map(all.map((connector) => [connector.connectorKey, connector]));
  const sorted = [...all].sort((left, right) => (left.connectorKey < right.connectorKey ? -1 : 1));
  return {
    find: (connectorKey) => byKey.get(connectorKey),
    get(connectorKey) {
      const connector = byKey.get(connectorKey);
      if (connector !== undefined) return connector;
      throw new ProblemError("connector_not_found", {
        detail: `Cannot find the connector ${connectorKey}.`,
        hint: "List connectors with GET /v1/control-plane/integrations.",
        errors: [{ path: "connectorKey", message: "is no connector's key", value: connectorKey }],
      });
    },
    list({ limit, cursor, category, status }) {
      const [after = ""] = cursor === undefined ? [] : pageAfter(cursor);
      const rest = sorted.filter(
        (one) =>
          one.connectorKey > after &&
          (category === undefined || one.category === category) &&
          (status === undefined || one.status === status),
      );
      return toPage(
        rest.slice(0, limit + 1),
        limit,
        (one) => one,
        ({ connectorKey }) => [connectorKey, ""],
      );
    },
  };
}
