import { setTimeout as sleep } from "node:timers/promises";
import type { DriftScan, DriftScanDetail, DriftScanFinding, DriftScanTarget } from "../../contract/drift.ts";
import type { TenantHealth } from "../../contract/health.ts";
import { itemsOf } from "../commands/apiCommand.ts";
import type { ApiRequest } from "../commands/request.ts";
import type { Session } from "../commands/spec.ts";
import { EXIT, Failure } from "../exit.ts";
import { bar, createLive } from "../show/live.ts";
import type { Place, Scanned } from "./report.ts";

const POLL_MS = 1_000;

/** Asks for a scan, waits until it has ended, and reads all that it found. */
export async function scanAndWait(session: Session, request: ApiRequest, until: number): Promise<Scanned> {
  const { body: begun } = await session.client().call<DriftScan>(request);
  const scan = await endOf(session, begun.scanId, until);
  const path = `/v1/control-plane/drift/scans/${scan.scanId}`;
  const [targets, findings, inventory] = await Promise.all([
    listed<DriftScanTarget>(session, `${path}/targets`),
    listed<DriftScanFinding>(session, `${path}/findings`),
    listed<TenantHealth>(session, "/v1/control-plane/health/tenants"),
  ]);
  const places = new Map(
    inventory.map(({ targetId, slug, planeName }): [string, Place] => [targetId, { slug, planeName }]),
  );
  return { scan, targets, findings, places };
}

async function listed<T>(session: Session, path: string): Promise<T[]> {
  const items: T[] = [];
  for await (const item of itemsOf<T>(session, { path })) items.push(item);
  return items;
}

async function endOf(session: Session, scanId: string, until: number): Promise<DriftScanDetail> {
  const live = createLive(session.io);
  try {
    for (;;) {
      const path = `/v1/control-plane/drift/scans/${scanId}`;
      const patientUntil = Math.max(until, Date.now() + POLL_MS);
      const { body } = await session.client().call<DriftScanDetail>({ method: "get", path, patientUntil });
      if (body.finishedAt !== null) return body;
      const { targetsDone, targetsFailed, targetsTotal, findingsOpen } = body;
      live.draw([
        `${bar(session.io, targetsDone, targetsFailed, targetsTotal)} targets, ${findingsOpen} findings`,
      ]);
      if (Date.now() >= until)
        throw new Failure(
          EXIT.incomplete,
          `Cannot wait longer: the scan ${scanId} still runs. --timeout gives it more time.`,
        );
      await sleep(POLL_MS);
    }
  } finally {
    live.end();
  }
}
