import { afterAll, beforeAll, expect, it } from "vitest";
import {
  controlPlane,
  createTenant,
  plane,
  startTestService,
  type TestService,
  waitFor,
} from "../service/harness.ts";
import { codeOf, complaint } from "./check.ts";
import { type Operation, operations } from "./document.ts";
import { type Furnished, furnish } from "./furnished.ts";
import { closeConnections, type Received, send } from "./request.ts";

/**
 * What a furnished service does not take by the document's example, and why. It may only get shorter: an operation that is not on
 * it must be taken, and one that is taken must leave it. Each of these is taken by tests of its own.
 */
const NEVER_TAKEN: Readonly<Record<string, readonly string[]>> = {
  "nothing fails here": ["breakerReset", "operationRetry", "rolloutRetry"],
  "nothing drifts here": ["driftCauseFindingList", "driftCauseGet", "driftIgnoreCreate", "driftIgnoreEnd"],
  "what runs has ended before it is asked": [
    "operationCancel",
    "rolloutPause",
    "rolloutResume",
    "rolloutSkip",
  ],
  "the example rolls out what there is": ["rolloutApprove", "rolloutRetarget", "rolloutStart"],
  "no name is resolved here": ["domainVerify"],
  "the example is cut short": ["planApply"],
  "nobody has been deleted yet": ["certificateGet"],
};

let service: TestService;
let furnished: Furnished;
/** What the last answers have told, by the names of parameters. */
const known: Record<string, string> = {};
/** Where the names that answers tell are not enough. */
const about: Record<string, Record<string, string>> = {
  manifestRelease: { slug: "globex" },
  auditCheckpointGet: { number: "1" },
  auditCheckpointExport: { number: "1" },
};
/** Where an example speaks of what there is not, or of what there is already. */
const instead: Readonly<Record<string, object>> = {
  tenantCreate: { slug: "newcomer" },
  windowCreate: { planeName: plane },
  routingRollback: { toVersion: 1 },
  driftScheduleCreate: { scope: { planes: [plane] } },
  incidentCreate: { affects: { releaseNumbers: [1] } },
};
const day = 86_400_000;
const at = (days: number) => new Date(Date.now() + days * day).toISOString();
const queries: Record<string, string> = {
  ...{ impactGet: `plane=${plane}`, planDiff: "from=1", releaseDiff: "with=1", routingDiff: "from=1" },
  ...{ usageExport: `from=${at(-1)}&to=${at(1)}`, tenantEvidence: `from=${at(-1)}&to=${at(1)}` },
};

beforeAll(async () => {
  const quiet = ["--reconcile", "off", "--decommission-grace-ms", "3600000", "--domain-look-ms", "3600000"];
  service = await startTestService(quiet);
  furnished = await furnish(service);
  const { tenantId } = (await service.call("GET", `${controlPlane}/tenants?slugPrefix=acme`)).body.items[0];
  const unwanted = await createTenant(service, "unwanted");
  Object.assign(about, { tenantDelete: { tenantId: unwanted }, tenantReactivate: { tenantId } });
  queries.windowEvaluation = `tenantId=${tenantId}`;
  queries.usageEventList = `tenantId=${tenantId}&meter=llm_tokens`;
  await service.call("POST", `${controlPlane}/audit/checkpoints`, { body: {} });
}, 60_000);
afterAll(async () => {
  closeConnections();
  await service.stop();
});

/** What others still need ends last: what is removed, which a legal hold forbids, then the life of the tenant of the examples. */
const ENDINGS = ["tenantSuspend", "tenantReactivate", "tenantDecommission", "windowCreate"];
const rank = ({ operationId, method }: Operation) => {
  if (operationId === "legalHoldLift") return 1;
  if (method === "DELETE") return 2;
  return ENDINGS.includes(operationId) ? 3 : 0;
};
const inOrder = [...operations].sort((one, other) => rank(one) - rank(other));

async function take(operation: Operation): Promise<Received> {
  const { operationId, method, isOpen } = operation;
  const { path, body } = furnished.requestOf(operation, { ...known, ...about[operationId] });
  const query = queries[operationId];
  const text = body === undefined ? undefined : JSON.stringify({ ...body, ...instead[operationId] });
  const headers = {
    ...(text === undefined ? {} : { "content-type": "application/json" }),
    ...(isOpen ? {} : { authorization: `Bearer ${service.adminKey}` }),
  };
  const sent = { method, path: query === undefined ? path : `${path}?${query}`, headers, body: text };
  const received = await send(service.url(), sent);
  if (received.status < 300 && received.type === "application/json") learn(JSON.parse(received.text));
  if (received.status === 202) await untilDone();
  return received;
}

const LEARNT = ["rolloutId", "scanId", "scheduleId", "version"];

function learn(answer: Record<string, unknown>): void {
  const [first] = Array.isArray(answer.items) ? (answer.items as Record<string, unknown>[]) : [];
  for (const name of LEARNT) {
    const value = answer[name] ?? first?.[name];
    if (typeof value === "string" || typeof value === "number") known[name] = String(value);
  }
}

function untilDone(): Promise<true> {
  return waitFor("all operations", async () => {
    const { items } = (await service.call("GET", `${controlPlane}/operations?limit=50`)).body;
    return items.every(({ finishedAt }: { finishedAt: string | null }) => finishedAt !== null) || undefined;
  });
}

it("every operation of openapi.json is taken with success, as the document shows it", async () => {
  const refused: Record<string, string> = {};
  const complaints: string[] = [];
  for (const operation of inOrder) {
    const received = await take(operation);
    const wrong = complaint(operation, received);
    if (wrong !== undefined) complaints.push(`${operation.operationId} ${wrong}`);
    if (received.status < 400) continue;
    refused[operation.operationId] = `${received.status} ${codeOf(received.text)}`;
  }
  expect(complaints).toEqual([]);
  const never = Object.values(NEVER_TAKEN).flat();
  const unexpected = Object.entries(refused).filter(([id]) => !never.includes(id));
  expect(Object.fromEntries(unexpected), "give each an example that can be taken").toEqual({});
  // Whether a rollout can be started goes by how far its preview has got.
  const steady = never.filter((id) => !id.startsWith("rollout"));
  const needless = steady.filter((id) => refused[id] === undefined);
  expect(needless, "let each leave NEVER_TAKEN").toEqual([]);
});
