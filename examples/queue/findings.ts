/**
 * How two services of a tenant talk through a queue: one writes envelopes, the other is bound to its tenant, reads them, handles each
 * message once and puts what it refuses with the dead letters. The queue here is a list; with SQS the text is the
 * message's body and `messageId` its deduplication id.
 *
 *     node examples/queue/findings.ts
 */
import { randomUUID } from "node:crypto";
import { pathToFileURL } from "node:url";
import { QueueRefusal, queueReader, queueWriter } from "../../contract/queueEnvelope.ts";

export interface Handled {
  readonly findings: readonly string[];
  readonly deadLetters: readonly { readonly code: string; readonly why: string }[];
}

export function createFindingsReader(tenantId: string) {
  const reader = queueReader({ tenantId, accepts: { "finding.detected": [1] } });
  const seen = new Set<string>();
  const findings: string[] = [];
  const deadLetters: { code: string; why: string }[] = [];
  return {
    /** Queues deliver at least once: the same message again changes nothing. In a service `seen` is a table. */
    take(text: string): void {
      try {
        const { messageId, payload } = reader.read(text);
        if (seen.has(messageId)) return;
        seen.add(messageId);
        findings.push(String(payload.findingId));
      } catch (error) {
        if (!(error instanceof QueueRefusal)) throw error;
        deadLetters.push({ code: error.code, why: error.message });
      }
    },
    handled: (): Handled => ({ findings, deadLetters }),
  };
}

export function demonstrate(): Handled {
  const tenantId = randomUUID();
  const options = { workspaceId: randomUUID(), newId: randomUUID, now: () => new Date() };
  const own = queueWriter({ tenantId, ...options });
  const stranger = queueWriter({ tenantId: randomUUID(), ...options });
  const finding = (findingId: string) => ({
    type: "finding.detected",
    version: 1,
    correlationId: "example",
    payload: { findingId },
  });
  const first = own.write(finding("f-1"));
  const queue = [first, own.write(finding("f-2")), first, stranger.write(finding("f-3")), "{}"];

  const reader = createFindingsReader(tenantId);
  for (const text of queue) reader.take(text);
  return reader.handled();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(JSON.stringify(demonstrate(), null, 2));
}
