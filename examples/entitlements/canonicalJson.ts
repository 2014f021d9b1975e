// Copied from registry/canonicalJson.ts, so that this folder can be taken along as it is; a test holds the two together.
/**
 * JSON with one spelling for one value (RFC 8785): members sorted by UTF-16 code units, no spaces, numbers as
 * ECMAScript writes them. Digests and the audit chain are taken over it. Members that are undefined are left out, as in
 * JSON.stringify; what JSON cannot hold is refused rather than lost.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value))
      throw new TypeError(`Cannot write JSON: a number must be finite, got ${value}.`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(",")}]`;
  if (typeof value === "object" && isPlain(value)) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  throw new TypeError(`Cannot write JSON: a value must be plain data, got ${describe(value)}.`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  return typeof value === "object" && value !== null ? (value.constructor?.name ?? "object") : typeof value;
}
