import type { Connector } from "../../contract/connector.ts";
import { type FieldError, ProblemError } from "../../contract/errors.ts";

export interface Configured {
  readonly connectorVersion: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly secretRefs: Readonly<Record<string, string>>;
}

/** Refuses an instance that the connector could not use: another version, a reference or setting it does not know or lacks. */
export function refuseUnfit(connector: Connector, wanted: Configured): void {
  const errors = [
    ...versionError(connector, wanted.connectorVersion),
    ...namesErrors("settings", connector.settings, wanted.settings),
    ...namesErrors("secretRefs", connector.secretRefs, wanted.secretRefs),
  ];
  const [first] = errors;
  if (first === undefined) return;
  throw new ProblemError("invalid_request", {
    detail: `Cannot connect ${connector.name}: ${first.path} ${first.message}.`,
    hint: `GET /v1/control-plane/integrations/${connector.connectorKey} says which versions, settings and secrets it has.`,
    errors,
  });
}

function versionError({ versions }: Connector, version: string): FieldError[] {
  if (versions.includes(version)) return [];
  return [
    { path: "body.connectorVersion", message: `must be one of ${versions.join(", ")}`, value: version },
  ];
}

type Need = Connector["settings"][number];

function namesErrors(
  member: string,
  needs: readonly Need[],
  given: Readonly<Record<string, string>>,
): FieldError[] {
  const known = new Set(needs.map(({ name }) => name));
  const unknown = Object.keys(given).filter((name) => !known.has(name));
  const missing = needs.filter(({ name, required }) => required && !Object.hasOwn(given, name));
  return [
    ...unknown.map((name) => ({ path: `body.${member}.${name}`, message: "is not known to the connector" })),
    ...missing.map(({ name, description }) => ({
      path: `body.${member}.${name}`,
      message: "is missing",
      hint: description,
    })),
  ];
}
