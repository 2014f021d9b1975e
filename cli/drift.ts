import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Page } from "../contract/common.ts";
import type { DriftFinding, DriftScan, DriftScanDetail } from "../contract/drift.ts";
import { driftReport, EXIT, exitCodeOf, reportText } from "./driftReport.ts";
import { jsonOf, serviceUrl } from "./serviceUrl.ts";

/**
 * script/drift: the nightly job. It asks the service for a drift scan, which changes nothing, waits for it, and says what
 * differs, for people or as one JSON object. Its exit code tells a pipeline what to do.
 */
const usage = `Usage: script/drift [--plane NAME]… [--tenant ID]… [--wait-minutes N] [--json]

Compares the cloud with what is recorded, and changes nothing.
The service and its key: TENANTRY_URL (http://127.0.0.1:7070) and TENANTRY_API_KEY (role operator).
Exit code: 0 no drift, 2 drift, 3 none seen but not everything could be compared, 1 the command failed.
`;

const pollMs = 1_000;
const requestTimeoutMs = 60_000;
const pageSize = 200;

interface Options {
  readonly planes?: string[];
  readonly tenantIds?: string[];
  readonly waitMs: number;
  readonly json: boolean;
}

function readOptions(): Options | "help" {
  const many = { type: "string", multiple: true } as const;
  const flag = { type: "boolean", default: false } as const;
  const minutes = { type: "string", default: "60" } as const;
  const { values } = parseArgs({
    options: { plane: many, tenant: many, "wait-minutes": minutes, json: flag, help: flag },
  });
  if (values.help) return "help";
  const waitMs = Number(values["wait-minutes"]) * 60_000;
  if (!(waitMs > 0))
    throw new Error(`--wait-minutes must be a number above 0, got ${values["wait-minutes"]}`);
  return {
    waitMs,
    json: values.json,
    ...(values.plane && { planes: values.plane }),
    ...(values.tenant && { tenantIds: values.tenant }),
  };
}

async function call<T>(path: string, body?: object): Promise<T> {
  const { TENANTRY_API_KEY: key } = process.env;
  if (!key) throw new Error("TENANTRY_API_KEY must hold an API key, and is not set");
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const signal = AbortSignal.timeout(requestTimeoutMs);
  const request = { headers, signal, ...(body && { method: "POST", body: JSON.stringify(body) }) };
  const url = serviceUrl(`/v1/control-plane${path}`);
  const response = await fetch(url, request).catch((cause: unknown) => {
    throw new Error(`the service at ${url.origin} does not answer; TENANTRY_URL names another`, { cause });
  });
  const answer = (await jsonOf(response)) as { detail?: string; hint?: string };
  if (!response.ok) throw new Error(`${answer.detail ?? response.status} ${answer.hint ?? ""}`);
  return answer as T;
}

async function scanned({ planes, tenantIds, waitMs }: Options): Promise<DriftScanDetail> {
  const deadline = Date.now() + waitMs;
  const scope = { ...(planes && { planes }), ...(tenantIds && { tenantIds }) };
  const { scanId } = await call<DriftScan>("/drift/scans", scope);
  for (;;) {
    const scan = await call<DriftScanDetail>(`/drift/scans/${scanId}`);
    if (scan.finishedAt !== null) return scan;
    if (Date.now() > deadline) throw new Error(`scan ${scanId} must end within ${waitMs} ms, and still runs`);
    await sleep(pollMs);
  }
}

async function openFindings(): Promise<DriftFinding[]> {
  const found: DriftFinding[] = [];
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Page<DriftFinding> = await call(`/drift?status=open&limit=${pageSize}${after}`);
    found.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === "help") {
    process.stdout.write(usage);
    return EXIT.clean;
  }
  const scan = await scanned(options);
  const report = driftReport(scan, await openFindings());
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : reportText(report));
  return exitCodeOf(report);
}

process.exitCode = await main().catch((thrown: unknown) => {
  process.stderr.write(`Cannot check for drift: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  return EXIT.failed;
});
