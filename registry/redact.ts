import { namesSecret, saysNothing, secretShapeOf } from "../contract/secretShape.ts";

/**
 * The last guard before anything is stored: audit details, events, journals, findings and errors pass through here.
 * Callers redact too; this one is for what they overlook, such as a provider's message that quotes a password.
 */
export const REDACTED = "[redacted]";

export function redactText(given: string): string {
  const text = storable(given);
  if (secretShapeOf(text) === undefined) return text;
  return text
    .split(/(\s+)/)
    .map((word) => (secretShapeOf(word) === undefined ? word : REDACTED))
    .join("")
    .replace(/[\s\S]*/, (joined) => (secretShapeOf(joined) === undefined ? joined : REDACTED));
}

/** What every database gives back as it was written, so that a hash over it still holds: no NUL, no half of a character. */
function storable(text: string): string {
  return text.replaceAll("\0", "\ufffd").toWellFormed();
}

/** A plain copy, as JSON would store it: undefined members are gone. */
export function redact<T>(value: T): T {
  return redactValue(JSON.parse(JSON.stringify(value))) as T;
}

function redactValue(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      namesSecret(name) ? redactNamed(member) : redactValue(member),
    ]),
  );
}

/** What stands under a name such as password. Facts about it, such as when it was rotated, may stay. */
function redactNamed(member: unknown): unknown {
  if (typeof member === "string") return REDACTED;
  if (Array.isArray(member)) return member.map(redactNamed);
  if (typeof member !== "object" || member === null) return member;
  return Object.fromEntries(
    Object.entries(member).map(([name, one]) => [
      name,
      saysNothing(name) || namesSecret(name) ? redactNamed(one) : redactValue(one),
    ]),
  );
}
