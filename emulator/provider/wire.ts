/** Between Pulumi's property wire format (a protobuf Struct with signed objects) and plain `Properties`. */
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import type { Properties, Value } from "../values.ts";
import { isList, isObject, SIGNATURE_KEY, UNKNOWN } from "../values.ts";

export type Struct = InstanceType<typeof struct.Struct>;

const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT_VALUE = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const RESOURCE_REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e";
const UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** One sentinel per kind of value. */
const UNKNOWN_SENTINELS = new Set([
  UNKNOWN_STRING,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** Unwraps secrets and output values; unknowns become UNKNOWN; assets and resource references stay signed objects. */
export function decode(message: Struct | undefined): Properties {
  if (message === undefined) return {};
  const properties: Record<string, Value> = {};
  for (const [key, value] of Object.entries(message.toJavaScript())) {
    properties[key] = decodeValue(value);
  }
  return properties;
}

function decodeValue(value: unknown): Value {
  if (typeof value === "string") return UNKNOWN_SENTINELS.has(value) ? UNKNOWN : value;
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (Array.isArray(value)) return value.map(decodeValue);
  if (typeof value !== "object") return null;
  const members = value as Record<string, unknown>;
  switch (members[SIGNATURE_KEY]) {
    case SECRET:
      return decodeValue(members.value);
    case OUTPUT_VALUE:
      return "value" in members ? decodeValue(members.value) : UNKNOWN;
    default:
      return Object.fromEntries(Object.entries(members).map(([key, member]) => [key, decodeValue(member)]));
  }
}

/** `secret` names top-level properties to mark. */
export function encode(properties: Properties, secret: readonly string[] = []): Struct {
  const plain: Record<string, struct.JavaScriptValue> = {};
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const encoded = encodeValue(value);
    plain[key] = secret.includes(key) ? { [SIGNATURE_KEY]: SECRET, value: encoded } : encoded;
  }
  return struct.Struct.fromJavaScript(plain);
}

function encodeValue(value: Value): struct.JavaScriptValue {
  if (value === UNKNOWN) return UNKNOWN_STRING;
  if (isList(value)) return value.map(encodeValue);
  if (!isObject(value)) return value as struct.JavaScriptValue;
  const members: Record<string, struct.JavaScriptValue> = {};
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members[key] = encodeValue(member);
  }
  return members;
}

/** How one resource stands in another's outputs; the SDK turns it into an object of its class. */
export function resourceReference(urn: string, id: Value | undefined): Properties {
  return { [SIGNATURE_KEY]: RESOURCE_REFERENCE, urn, ...(id === undefined ? {} : { id }) };
}
