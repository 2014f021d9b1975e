/**
 * A tenant's secrets lie below its id, which a manifest cannot know before the tenant is made. So it may write `{tenantId}` in a
 * reference. Between reading and recording, a UUID that is nobody's stands there: the checks of references hold for it.
 */
export const PLACEHOLDER = "{tenantId}";
const STAND_IN = "00000000-0000-0000-0000-000000000000";

type References = Readonly<Record<string, string>>;

/** Of a document as read; what has another shape is left for the schema to refuse. */
export function withStandIn(value: unknown): unknown {
  const { spec } = (value ?? {}) as { spec?: { config?: { secretRefs?: unknown } } };
  const references = spec?.config?.secretRefs;
  if (typeof references !== "object" || references === null || Array.isArray(references)) return value;
  const entries = Object.entries(references).map(([name, reference]: [string, unknown]) => [
    name,
    typeof reference === "string" ? reference.replaceAll(PLACEHOLDER, STAND_IN) : reference,
  ]);
  const secretRefs: unknown = Object.fromEntries(entries);
  return { ...(value as object), spec: { ...spec, config: { ...spec?.config, secretRefs } } };
}

export function forTenant(references: References, tenantId: string): Record<string, string> {
  return replaced(references, STAND_IN, tenantId);
}

export function forAnyTenant(references: References, tenantId: string): Record<string, string> {
  return replaced(references, tenantId, STAND_IN);
}

export function written(references: References): Record<string, string> {
  return replaced(references, STAND_IN, PLACEHOLDER);
}

/** As people wrote it. */
export function asWritten(value: unknown): unknown {
  return typeof value === "string" ? value.replaceAll(STAND_IN, PLACEHOLDER) : value;
}

function replaced(references: References, from: string, to: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(references).map(([name, reference]) => [name, reference.replaceAll(from, to)]),
  );
}
