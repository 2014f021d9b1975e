/**
 * Examples for the API's description, made from it: whoever describes a member once, with an example where its name and
 * pattern do not say enough, has examples of every request and answer it occurs in. A test holds each against its schema and
 * says which schema needs an example of its own.
 */
export interface ExampleSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly example?: unknown;
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly items?: ExampleSchema;
  readonly properties?: Readonly<Record<string, ExampleSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: ExampleSchema | boolean;
  readonly propertyNames?: ExampleSchema;
  readonly anyOf?: readonly ExampleSchema[];
  readonly oneOf?: readonly ExampleSchema[];
  readonly allOf?: readonly ExampleSchema[];
}

const AT = "2026-03-01T09:30:00.000Z";
const ID = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
const DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/** What members of these names hold, where their schema has no example. */
const BY_NAME: Readonly<Record<string, string>> = {
  actorId: "4kq8z0d2m1xp",
  allowed: "eu-west-1",
  clusterName: "tenantry-dev-eu-west-1",
  description: "Written for people",
  detail: "What happened, in a sentence.",
  displayName: "Acme Ltd",
  email: "ops@acme.example",
  hash: DIGEST,
  hint: "What to do next.",
  image: "registry.example/iam-service:1.4.0",
  message: "must be one of starter, business, enterprise",
  name: "Acme",
  note: "Seen by the customer, too",
  plane: "dev-eu-west-1",
  planeName: "dev-eu-west-1",
  preferred: "eu-west-1",
  primaryDomain: "app.acme.example",
  reason: "asked for in ticket 4711",
  region: "eu-west-1",
  requestId: ID,
  service: "iam-service",
  title: "Slow answers",
};

/** What has not come, as long as all is well. */
const NOT_YET =
  /^(?:nextCursor|legalHold|deleted|decommission|(?:archived|deleted|revoked|released|removed|ended|resolved|failed|halted|cancelled|expires|retry|opened|closed)(?:At|By|After|Reason)|decommissionAfter|failure|error|problem|endedReason|releaseReason|secret)$/;

/** Tried in order on strings with a pattern. */
const CANDIDATES = [
  ...["acme", "dev-eu-west-1", "eu-west-1", "app.acme.example", "tier=gold", "50%", "LOG_LEVEL", "2"],
  ...["4kq8z0d2m1xp", DIGEST, `sha256:${DIGEST}`, "plane/dev-eu-west-1", "https://acme.example/health"],
  ...[
    "registry.example/iam-service:1.4.0",
    "/prod/tenants/acme/smtp",
    "config.settings",
    "settings.LOG_LEVEL",
  ],
  ...["0 3 * * 6", "Europe/Berlin", "ops@acme.example", AT, ID, "tenantGet", "a.b", "1.4.0"],
];

const DEEPEST = 8;

export interface ExampleMaker {
  /** Throws when it does not know how to fit a pattern. */
  make(schema: ExampleSchema, name?: string): unknown;
}

export function createExamples(resolve: (reference: string) => ExampleSchema): ExampleMaker {
  const make = (given: ExampleSchema, name: string, depth: number): unknown => {
    const { $ref, ...own } = given;
    const schema: ExampleSchema = $ref === undefined ? given : { ...resolve($ref), ...own };
    if (schema.example !== undefined) return schema.example;
    if (schema.const !== undefined) return schema.const;
    if (schema.enum !== undefined) return schema.enum[0];
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices?.some(({ type }) => type === "null") && NOT_YET.test(name)) return null;
    if (choices !== undefined) return make(chosen(choices, depth), name, depth);
    if (schema.allOf !== undefined) {
      return Object.assign({}, ...schema.allOf.map((one) => make(one, name, depth)));
    }
    if (schema.type?.includes("null") && NOT_YET.test(name)) return null;
    const type = typeof schema.type === "object" ? schema.type.find((one) => one !== "null") : schema.type;
    if (type === "object") return object(schema, depth);
    if (type === "array") return list(schema, name, depth);
    if (type === "string") return text(schema, name);
    if (type === "boolean") return schema.default ?? true;
    if (type === "integer" || type === "number") {
      return schema.default ?? schema.minimum ?? (schema.exclusiveMinimum ?? 0) + 1;
    }
    return type === "null" ? null : "any";
  };
  const object = (schema: ExampleSchema, depth: number) => {
    const made: Record<string, unknown> = {};
    const required = new Set(schema.required ?? []);
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      if (required.has(name) || depth === 0) made[name] = make(member, name, depth + 1);
    }
    const { additionalProperties: more, propertyNames = { type: "string" } } = schema;
    if (typeof more === "object" && depth < DEEPEST) {
      const names = propertyNames.enum ?? [make(propertyNames, "key", depth + 1)];
      for (const name of names) made[String(name)] = make(more, String(name), depth + 1);
    }
    return made;
  };
  const list = (schema: ExampleSchema, name: string, depth: number) => {
    if (depth >= DEEPEST && (schema.minItems ?? 0) === 0) return [];
    return [make(schema.items ?? {}, name.replace(/s$/, ""), depth + 1)];
  };
  return { make: (schema, name = "") => make(schema, name, 0) };
}

function chosen(choices: readonly ExampleSchema[], depth: number): ExampleSchema {
  const something = choices.filter((choice) => choice.type !== "null");
  const [first = { type: "null" }] = depth < DEEPEST ? something : choices.toReversed();
  return first;
}

function text({ format, pattern, minLength = 0, maxLength = Infinity }: ExampleSchema, name: string): string {
  if (format === "date-time") return AT;
  if (format === "uuid") return ID;
  if (format === "email") return "ops@acme.example";
  const shape = pattern === undefined ? undefined : new RegExp(pattern, "u");
  const fits = (one: string) =>
    one.length >= minLength && one.length <= maxLength && (shape === undefined || shape.test(one));
  const found = [BY_NAME[name] ?? byEnding(name), ...CANDIDATES].find(
    (one) => one !== undefined && fits(one),
  );
  if (found !== undefined) return found;
  throw new Error(
    `Cannot make an example of "${name}": its schema must have one, as nothing known fits ${pattern ?? `${minLength} to ${maxLength} characters`}. ` +
      "Give it with .meta({ example }).",
  );
}

function byEnding(name: string): string | undefined {
  if (name.endsWith("At")) return AT;
  if (name.endsWith("By")) return "4kq8z0d2m1xp";
  if (name.endsWith("Id")) return ID;
  return /digest$/i.test(name) ? DIGEST : undefined;
}

/** Of answers that are no JSON. */
export const TEXT_EXAMPLES: Readonly<Record<string, string>> = {
  "text/event-stream": `id: 1\nevent: step.started\ndata: {"sequence":1,"type":"step.started","at":"${AT}"}\n\n`,
  "text/plain": "# TYPE tenantry_requests_total counter\ntenantry_requests_total 42\n",
  "text/html": "<!doctype html>\n",
  "text/csv": "tenantId,meter,quantity\n",
  "application/yaml": "apiVersion: tenantry.dev/v1\nkind: Tenant\n",
  "application/x-ndjson": '{"line":"first"}\n{"line":"second"}\n',
};
