import type { Random } from "../../chaos/random.ts";
import { type JsonSchema, type Operation, resolve } from "./document.ts";
import { fits, type Generator } from "./generate.ts";
import type { Pool, Wanted } from "./pool.ts";
import type { Sent } from "./request.ts";

/** Requests of an operation, valid by the document or broken in one way that has a name. */
export interface Attempt {
  readonly how: string;
  readonly sent: Sent;
  /** Of the path, as they were meant. */
  readonly params: Readonly<Record<string, string>>;
  /** Whatever else is right with it, this must not be taken. */
  readonly mustFail: boolean;
}

interface Parts {
  path: Record<string, string>;
  query: [string, string][];
  headers: Record<string, string>;
  body: unknown;
  raw?: string | Buffer;
  mustFail?: boolean;
}

export interface Tools {
  readonly random: Random;
  readonly generate: Generator;
  readonly pool: Pool;
  readonly key: string;
}

const LONG = "x".repeat(5_000);
/** Of what breaks programs that trust text. */
const NASTY = [
  "'; DROP TABLE tenants; --",
  "' OR '1'='1",
  "%' ESCAPE '\\",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\u202egpj.exe",
  "а\u0441me", // Cyrillic а and с
  "I\u0307\u0327\u0301",
  "👩‍👩‍👧‍👦",
  "x\r\nSet-Cookie: a=b",
  "../../../etc/passwd",
  `$${"{jndi:ldap://a}"}`,
  "__proto__",
  "constructor",
  "",
  " ",
  "null",
  "-0",
  "1e400",
  "9007199254740993",
  LONG,
] as const;
const NUMBERS = [-1, 0, 0.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e21, 1e300, 5e-324] as const;

export function validAttempt(operation: Operation, tools: Tools): Attempt {
  return asAttempt(operation, "valid", validParts(operation, tools), tools);
}

/** As the document shows it: with its example of a body, in which ids are of what there is, and no more than must be. */
export function exampleAttempt(operation: Operation, tools: Tools): Attempt {
  const parts = validParts(operation, tools, true);
  const [example = parts.body] = operation.bodyExamples;
  return asAttempt(operation, "example", { ...parts, body: withKnownNames(example, "", tools) }, tools);
}

/** Names by which an example speaks of something else than it makes. */
const NAMES_ANOTHER = /(Id|planeName|releaseNumber)$/;

function withKnownNames(value: unknown, name: string, tools: Tools): unknown {
  if (Array.isArray(value)) {
    const each = name === "planes" ? "planeName" : name.replace(/s$/, "");
    return value.map((item) => withKnownNames(item, each, tools));
  }
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, withKnownNames(member, key, tools)]),
    );
  const known = NAMES_ANOTHER.test(name) ? tools.pool.pick(name, tools.random) : undefined;
  return typeof known === typeof value ? known : value;
}

export function brokenAttempt(operation: Operation, tools: Tools): Attempt {
  const parts = validParts(operation, tools);
  const fitting = BREAKAGES.filter(({ applies }) => applies(operation, parts));
  const breakage = tools.random.pick(fitting);
  breakage.apply(parts, operation, tools);
  if (breakage.mayPass === true) parts.mustFail = false;
  return asAttempt(operation, breakage.name, parts, tools);
}

/** How often a path names what is there. */
const KNOWN_PATHS = 0.9;

function validParts(operation: Operation, { random, generate, pool }: Tools, plain = false): Parts {
  const known = random.chance(plain ? 1 : KNOWN_PATHS)
    ? pool.together(wantedOf(operation), random)
    : undefined;
  const queryValue = (name: string, schema: JsonSchema) => {
    if (name === "cursor") return pool.pick("nextCursor", random);
    // A wait that is asked for would be waited for.
    return name.endsWith("Ms") ? 0 : generate.value(schema, name);
  };
  const alone = (name: string, schema: JsonSchema) => {
    const found = pool.pick(name, random);
    return found !== undefined && fits(resolve(schema), found) ? found : undefined;
  };
  const parts: Parts = { path: {}, query: [], headers: {}, body: undefined };
  for (const { in: place, name, required, schema } of operation.parameters) {
    if (place === "path")
      parts.path[name] =
        known?.[name] ?? String((plain ? alone(name, schema) : undefined) ?? generate.value(schema, name));
    else if (name === "If-Match") {
      if (!plain && random.chance(0.2)) parts.headers[name] = `"${1 + random.whole(3)}"`;
    } else if (name === "Idempotency-Key") {
      if (random.chance(0.3)) parts.headers[name] = `k${random.whole(1_000_000)}`;
    } else if (required === true || (!plain && random.chance(place === "query" ? 0.3 : 0.05))) {
      const made = plain && schema.example !== undefined ? schema.example : queryValue(name, schema);
      if (made === undefined) continue;
      if (place === "query") parts.query.push([name, typeof made === "object" ? "" : String(made)]);
      else if (/^[\x20-\x7e]*$/.test(String(made))) parts.headers[name] = String(made);
    }
  }
  if (operation.body !== undefined && (operation.bodyRequired || random.chance(0.7))) {
    const examples = operation.bodyExamples;
    const useExample = examples.length > 0 && random.chance(0.3);
    parts.body = useExample ? random.pick(examples) : generate.value(operation.body, "");
  }
  return parts;
}

function wantedOf({ path, parameters }: Operation): Wanted {
  const schemas = new Map(
    parameters.filter((one) => one.in === "path").map(({ name, schema }) => [name, schema]),
  );
  return {
    path,
    names: [...schemas.keys()],
    fits: (name, value) => fits(resolve(schemas.get(name) ?? {}), value),
  };
}

interface Breakage {
  readonly name: string;
  /** What it breaks is allowed to be ignored. */
  readonly mayPass?: true;
  applies(operation: Operation, parts: Parts): boolean;
  apply(parts: Parts, operation: Operation, tools: Tools): void;
}

const hasBody = (operation: Operation) => operation.body !== undefined;
const hasObject = (operation: Operation, { body }: Parts) =>
  hasBody(operation) && typeof body === "object" && body !== null && Object.keys(body).length > 0;
const raw = (name: string, text: (parts: Parts, tools: Tools) => string | Buffer): Breakage => ({
  name,
  applies: hasBody,
  apply: (parts, _operation, tools) => {
    parts.raw = text(parts, tools);
    parts.mustFail = true;
  },
});
const json = (parts: Parts) => JSON.stringify(parts.body ?? { a: 1 });

const BREAKAGES: readonly Breakage[] = [
  raw("cut off", (parts) => json(parts).slice(0, -1)),
  raw("no JSON", (_, { random }) => random.pick(["{", "[1,]", "{'a':1}", "nul", "\u0000", '{"a":1}}', "﻿{"])),
  raw("invalid UTF-8", () => Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])),
  raw("another kind of JSON", (_, { random }) => random.pick(['"text"', "1", "[]", "null", "true", "1e999"])),
  raw("deep", () => `${"[".repeat(20_000)}${"]".repeat(20_000)}`),
  raw("too large", () => `{"a":"${"x".repeat(2_200_000)}"}`),
  {
    name: "wrong content type",
    applies: hasBody,
    apply: (parts, _operation, { random }) => {
      parts.raw = json(parts);
      parts.headers["content-type"] = random.pick([
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "x",
      ]);
      parts.mustFail = true;
    },
  },
  {
    name: "wrong encoding",
    applies: hasBody,
    apply: (parts, _operation, { random }) => {
      parts.raw = json(parts);
      const [name, value] = random.pick([
        ["content-encoding", "gzip"],
        ["content-encoding", "rot13"],
        ["content-type", "application/json; charset=latin1"],
      ] as const);
      parts.headers[name] = value;
      parts.mustFail = true;
    },
  },
  {
    name: "no body",
    applies: (operation) => hasBody(operation) && operation.bodyRequired,
    apply: (parts) => {
      parts.body = undefined;
      parts.mustFail = true;
    },
  },
  {
    name: "unknown member",
    applies: hasObject,
    apply: (parts, _operation, { random }) => {
      const name = random.pick(["surprise", "constructor", "toString", "a\u0000", "Slug"]);
      parts.body = { ...(parts.body as object), [name]: 1 };
      parts.mustFail = true;
    },
  },
  { ...raw("__proto__", protoOf), mayPass: true },
  { ...raw("twice the same member", twiceOf), applies: hasObject, mayPass: true },
  ...["wrong type", "nasty text", "number", "null", "left out", "long"].map((name) => inBody(name)),
  {
    name: "odd path",
    applies: ({ path }) => path.includes("{"),
    apply: (parts, _operation, { random }) => {
      const names = Object.keys(parts.path);
      parts.path[random.pick(names)] = random.pick(NASTY.filter((text) => text !== ""));
    },
  },
  {
    name: "odd query",
    applies: ({ parameters }) => parameters.some((parameter) => parameter.in === "query"),
    apply: (parts, { parameters }, { random }) => {
      const named = parameters.filter((parameter) => parameter.in === "query");
      const { name } = random.pick(named);
      const values: readonly unknown[] = random.chance(0.5) ? NASTY : NUMBERS;
      parts.query.push([name, String(random.pick(values))]);
    },
  },
  {
    name: "bad cursor",
    applies: ({ parameters }) => parameters.some(({ name }) => name === "cursor"),
    apply: (parts, _operation, tools) => {
      parts.query = [...parts.query.filter(([name]) => name !== "cursor"), ["cursor", badCursor(tools)]];
    },
  },
  {
    name: "unknown query",
    applies: ({ parameters }) => parameters.some((parameter) => parameter.in === "query"),
    apply: (parts, _operation, { random }) => {
      parts.query.push([random.pick(["surprise", "__proto__", "limit[]", "a[b][c]"]), "1"]);
      parts.mustFail = true;
    },
  },
  {
    name: "odd header",
    applies: () => true,
    apply: (parts, { parameters }, { random }) => {
      const named = parameters.filter((parameter) => parameter.in === "header");
      const name = random.pick(["X-Correlation-Id", ...named.map((parameter) => parameter.name)]);
      parts.headers[name] = random.pick([
        "",
        "é",
        "x".repeat(2_000),
        "'; --",
        "\t",
        "-1",
        "*",
        'W/"1"',
        "1e9",
      ]);
    },
  },
  {
    name: "no key",
    applies: ({ isOpen }) => !isOpen,
    apply: (parts, _operation, { random }) => {
      parts.headers.authorization = random.pick([
        "",
        "Bearer",
        "Bearer tk_0_0",
        "Basic YTpi",
        `Bearer ${LONG}`,
      ]);
      parts.mustFail = true;
    },
  },
];

/** Breaks one place of the body, chosen at random however deep it lies. */
function inBody(name: string): Breakage {
  return {
    name: `${name} in the body`,
    applies: hasObject,
    apply: (parts, operation, { random }) => {
      const copy = structuredClone(parts.body);
      const [holder, key] = random.pick(placesIn(copy));
      const target = holder as Record<string, unknown>;
      if (name === "left out") delete target[key];
      else target[key] = brokenValue(name, target[key], random);
      parts.body = copy;
      const atTop = holder === copy && (resolve(operation.body as JsonSchema).required ?? []).includes(key);
      if (atTop && name === "left out") parts.mustFail = true;
    },
  };
}

function placesIn(value: unknown): (readonly [object, string])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => [[value, key] as const, ...placesIn(member)]);
}

function brokenValue(name: string, before: unknown, random: Random): unknown {
  if (name === "nasty text") return random.pick(NASTY);
  if (name === "number") return random.pick(NUMBERS);
  if (name === "null") return null;
  if (name === "long")
    return Array.isArray(before) ? Array.from({ length: 3_000 }, () => before[0] ?? 1) : LONG;
  const others = [1, "text", true, [], {}, [[]], { a: { b: 1 } }];
  return random.pick(others.filter((other) => typeof other !== typeof before));
}

function protoOf(parts: Parts): string {
  return json(parts).replace(/^\{/, '{"__proto__":{"admin":true},').replace(",}", "}");
}

function twiceOf(parts: Parts): string {
  const [name = "a"] = Object.keys(parts.body as object);
  return json(parts).replace(/^\{/, `{${JSON.stringify(name)}:1,`);
}

function badCursor({ random }: Tools): string {
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const keys = [
    ["a"],
    [1, 2],
    ["", ""],
    ["9999", "'; --"],
    ["\u0000", "\ud800"],
    { a: 1 },
    ["1", "2", "3"],
    null,
  ];
  return random.pick([...keys.map(encoded), "%%%", "AAAA", "x".repeat(600), "é", "1e400"]);
}

function asAttempt(operation: Operation, how: string, parts: Parts, { key }: Tools): Attempt {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encoded(parts.path[name] ?? ""));
  const query = parts.query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join("&");
  const body = parts.raw ?? (parts.body === undefined ? undefined : JSON.stringify(parts.body));
  const headers = {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(operation.isOpen ? {} : { authorization: `Bearer ${key}` }),
    ...parts.headers,
  };
  const sent = { method: operation.method, path: query === "" ? path : `${path}?${query}`, headers, body };
  return { how, sent, params: parts.path, mustFail: parts.mustFail === true };
}

/** Half a character has no encoding; it goes as the three bytes that are no UTF-8. */
function encoded(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : "%ED%A0%80";
}
