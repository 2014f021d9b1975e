import { z } from "zod";
import { at, tenantIdSchema, uuid } from "./common.ts";
import { namesSecret, saysNothing, secretShapeOf } from "./secretShape.ts";
import { isSecretReference } from "./tenantConfig.ts";

/**
 * What lies in a queue between two services of a tenant. Every message says whose it is; none carries a secret.
 *
 * It promises: what `queueWriter` wrote, `queueReader` of the same tenant reads as it was; both refuse a message without tenant or
 * workspace, one that is too large or too deep, and one that holds what looks like a secret; a reader that is bound to a tenant
 * refuses every other tenant's, so that a queue that was wired up wrongly stops instead of mixing. It refuses to repair: a
 * message is taken as it is or not at all. Pure: no clock but the one it is given, no I/O. docs/queues.md has the rules.
 */
export const QUEUE_LIMITS = {
  /** The whole message; SQS takes no more than this many bytes at its older limit, which not every account has left behind. */
  messageBytes: 262_144,
  payloadDepth: 32,
  typeChars: 100,
  version: 10_000,
} as const;

const payloadSchema = z.record(z.string().max(200), z.json());

export const queueMessageSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    messageId: uuid.meta({
      description: "The same in every delivery: what a reader has handled, it handles once",
    }),
    type: z
      .string()
      .max(QUEUE_LIMITS.typeChars)
      .regex(/^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*(?:\.[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*)+$/, {
        error: "must be <noun>.<what happened> in lowercase, such as finding.detected",
      })
      .meta({ example: "finding.detected" }),
    version: z.int().min(1).max(QUEUE_LIMITS.version).meta({ description: "Of the payload's shape" }),
    tenantId: tenantIdSchema,
    workspaceId: uuid,
    occurredAt: at,
    correlationId: z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/, {
      error: "must be 1 to 128 letters, digits, dots, colons or dashes",
    }),
    traceparent: z
      .string()
      .regex(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/, {
        error: "must be a W3C traceparent",
      })
      .optional(),
    payload: payloadSchema.meta({ description: "Ids and facts; content and secrets stay where they are" }),
  })
  .meta({
    id: "QueueMessage",
    example: {
      formatVersion: 1,
      messageId: "01939c5e-7b1a-7000-8a4e-3c1d5f6a7b8c",
      type: "finding.detected",
      version: 1,
      tenantId: "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11",
      workspaceId: "5f0c6a1e-93d4-4f5e-8a77-1f1f0c9f2d10",
      occurredAt: "2026-03-01T09:30:00.000Z",
      correlationId: "4f3d9c1a",
      payload: { findingId: "f-17", severity: "major" },
    },
  });
export type QueueMessage = z.output<typeof queueMessageSchema>;

export const QUEUE_REFUSALS = [
  "too_large",
  "not_json",
  "invalid",
  "too_deep",
  "secret",
  "other_tenant",
  "other_workspace",
  "unknown_type",
] as const;
export type QueueRefusalCode = (typeof QUEUE_REFUSALS)[number];

/** A message that is not taken; it belongs into the dead letters, not back into the queue. Never repeats what looks like a secret. */
export class QueueRefusal extends Error {
  readonly code: QueueRefusalCode;
  /** Where in the message, such as payload.items.0.token. */
  readonly path: string;

  constructor(code: QueueRefusalCode, path: string, message: string, options?: ErrorOptions) {
    super(`Cannot take the message: ${path} ${message}.`, options);
    this.name = "QueueRefusal";
    this.code = code;
    this.path = path;
  }
}

export interface QueueWriterOptions {
  readonly tenantId: string;
  readonly workspaceId: string;
  /** Makes a UUID, such as `crypto.randomUUID`. */
  readonly newId: () => string;
  readonly now: () => Date;
}

export interface QueueEntry {
  readonly type: string;
  readonly version: number;
  readonly correlationId: string;
  readonly payload: QueueMessage["payload"];
  readonly traceparent?: string;
  /** Of what has happened; now when left out. */
  readonly occurredAt?: string;
  /** To write the same message again after a crash; a new one when left out. */
  readonly messageId?: string;
}

export interface QueueWriter {
  /** The text to send. Throws a QueueRefusal, before anything is sent. */
  write(entry: QueueEntry): string;
}

/** Writes for one tenant and workspace: no call can name another. */
export function queueWriter({ tenantId, workspaceId, newId, now }: QueueWriterOptions): QueueWriter {
  return {
    write({ messageId = newId(), occurredAt = now().toISOString(), ...entry }) {
      const { type, version, correlationId, traceparent, payload } = entry;
      const message = {
        ...{ formatVersion: 1, messageId, type, version, tenantId, workspaceId, occurredAt, correlationId },
        ...(traceparent === undefined ? {} : { traceparent }),
        payload,
      };
      refuseDeep(payload);
      const text = JSON.stringify(checked(message));
      refuseLarge(text);
      return text;
    },
  };
}

export interface QueueReaderOptions {
  readonly tenantId: string;
  /** All of the tenant's when left out. */
  readonly workspaceIds?: readonly string[];
  /** Which versions of which types it understands; all when left out. */
  readonly accepts?: Readonly<Record<string, readonly number[]>>;
}

export interface QueueReader {
  /** Throws a QueueRefusal. */
  read(text: string): QueueMessage;
}

/** Reads for one tenant: a message of another is refused before its payload is looked at. */
export function queueReader({ tenantId, workspaceIds, accepts }: QueueReaderOptions): QueueReader {
  const tenant = tenantId.toLowerCase();
  const workspaces = workspaceIds && new Set(workspaceIds.map((id) => id.toLowerCase()));
  return {
    read(text) {
      refuseLarge(text);
      const raw = parsed(text);
      refuseOther(raw, "tenantId", "other_tenant", (id) => id === tenant);
      if (workspaces !== undefined)
        refuseOther(raw, "workspaceId", "other_workspace", (id) => workspaces.has(id));
      if (typeof raw === "object" && raw !== null) refuseDeep((raw as Record<string, unknown>).payload);
      const message = checked(raw);
      refuseUnknown(message, accepts);
      return message;
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new QueueRefusal("not_json", "message", "must be JSON", { cause });
  }
}

/** Says of a foreign message only that it is foreign: its ids are none of the reader's business. */
function refuseOther(
  raw: unknown,
  name: "tenantId" | "workspaceId",
  code: QueueRefusalCode,
  isOwn: (id: string) => boolean,
): void {
  const id = typeof raw === "object" && raw !== null ? (raw as Record<string, unknown>)[name] : undefined;
  if (typeof id !== "string" || isOwn(id.toLowerCase())) return;
  throw new QueueRefusal(code, name, "must be this reader's own");
}

function checked(message: unknown): QueueMessage {
  const result = queueMessageSchema.safeParse(message);
  if (!result.success) {
    const [issue] = result.error.issues;
    const at = issue?.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue?.path;
    const path = at?.map(String).join(".") || "message";
    // Not zod's own error as a cause: it may quote the value.
    throw new QueueRefusal("invalid", path, issue?.message ?? "is not valid");
  }
  refuseSecrets(result.data);
  return result.data;
}

function refuseSecrets({ payload, type, correlationId }: QueueMessage): void {
  const found = secretIn({ type, correlationId, payload }, "");
  if (found !== undefined) {
    throw new QueueRefusal("secret", found.path, `${found.what}; send a reference to where it is kept`);
  }
}

/** The first place that looks like a secret, by its name or by what it says. A reference to a secret is none. */
export function secretIn(value: unknown, path: string): { path: string; what: string } | undefined {
  if (typeof value === "string") {
    const shape = secretShapeOf(value);
    return shape === undefined ? undefined : { path, what: `looks like ${shape}` };
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    const place = path === "" ? name : `${path}.${name}`;
    if (secretShapeOf(name) !== undefined)
      return { path: `${path || "message"}`, what: "has a name like a secret" };
    if (isNamedSecret(name, member)) return { path: place, what: "is named like a secret" };
    const found = secretIn(member, place);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isNamedSecret(name: string, member: unknown): boolean {
  if (Array.isArray(member)) return member.some((one) => isNamedSecret(name, one));
  if (typeof member === "object" && member !== null)
    return Object.entries(member).some(([inner, one]) => saysNothing(inner) && isNamedSecret(name, one));
  if (typeof member === "number") return /(?:password|passwd|pwd)$/i.test(name);
  if (typeof member !== "string" || member === "" || !namesSecret(name)) return false;
  return !isSecretReference(member);
}

function refuseLarge(text: string): void {
  const bytes = new TextEncoder().encode(text).byteLength;
  if (bytes <= QUEUE_LIMITS.messageBytes) return;
  const { messageBytes } = QUEUE_LIMITS;
  throw new QueueRefusal("too_large", "message", `must be at most ${messageBytes} bytes, got ${bytes}`);
}

/** Level by level, as depth is what breaks a walk that calls itself. A member `__proto__` would not survive most readers. */
function refuseDeep(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > QUEUE_LIMITS.payloadDepth || level.length > QUEUE_LIMITS.messageBytes) {
      throw new QueueRefusal("too_deep", "payload", `must be at most ${QUEUE_LIMITS.payloadDepth} deep`);
    }
    level = level.flatMap(membersOf);
  }
}

function membersOf(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if (Object.hasOwn(value, "__proto__"))
    throw new QueueRefusal("invalid", "payload", "must not have a member __proto__");
  return Object.values(value);
}

function refuseUnknown({ type, version }: QueueMessage, accepts: QueueReaderOptions["accepts"]): void {
  if (accepts === undefined) return;
  const versions = Object.hasOwn(accepts, type) ? (accepts[type] ?? []) : [];
  if (versions.includes(version)) return;
  const known = versions.length === 0 ? `must be one of ${Object.keys(accepts).join(", ")}` : undefined;
  const message = known ?? `must have one of the versions ${versions.join(", ")}, got ${version}`;
  throw new QueueRefusal("unknown_type", "type", message);
}
