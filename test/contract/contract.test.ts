import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../chaos/random.ts";
import { createRelease, createTenant, run, startTestService, type TestService } from "../service/harness.ts";
import { type Attempt, brokenAttempt, exampleAttempt, type Tools, validAttempt } from "./attempts.ts";
import { codeOf, complaint } from "./check.ts";
import { type Operation, operations } from "./document.ts";
import { createGenerator } from "./generate.ts";
import { createPool } from "./pool.ts";
import { asCurl, closeConnections, type Received, send } from "./request.ts";

/**
 * Every operation of openapi.json is called with valid and with broken input made from the document alone, so a new route is
 * covered by being described. It fails on any 5xx, on an answer that the document does not describe, and on a problem whose
 * code the operation does not declare. A run is repeated with the seed it prints: CONTRACT_SEED=<seed>.
 */
const seed = Number(process.env.CONTRACT_SEED ?? Date.now() % 1_000_000);
/** Calls of each operation: first valid ones, so that there is something to name, then mostly broken ones. */
const VALID_ROUNDS = 3;
const LEAST_ROUNDS = 6;
/** No further round is begun after this; a longer hunt is asked for with CONTRACT_SECONDS. */
const ENOUGH_MS = Number(process.env.CONTRACT_SECONDS ?? 20) * 1_000;
const MOST_ROUNDS = ENOUGH_MS / 1_000;

/** Of the document's examples; where it is told, it was asked for. */
const NOBODYS_ID = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";

let service: TestService;
let tools: Tools;
const complaints = new Map<string, string>();
const taken = new Set<string>();
/** What was asked for was understood, whether or not it could be done. */
const reached = new Set<string>();
const TOLD_BEFORE_IT_IS_READ = new Set(["invalid_request", "malformed_json", "unauthenticated"]);
const answers = new Map<string, Map<string, number>>();
const spentMs = new Map<string, number>();
let requests = 0;

beforeAll(async () => {
  service = await startTestService(["--log-level", "fatal"]);
  const random = createRandom(seed);
  const pool = createPool([service.adminKey.split("_")[1], NOBODYS_ID]);
  tools = { random, pool, generate: createGenerator(random, pool), key: service.adminKey };
  await createRelease(service, "1.0.0");
  for (const slug of ["first", "second"])
    await run(service, `/tenants/${await createTenant(service, slug)}/activate`);
  console.info(`contract test: CONTRACT_SEED=${seed}`);
});
afterAll(async () => {
  closeConnections();
  await service.stop();
});

async function attempt(operation: Operation, made: Attempt): Promise<void> {
  requests += 1;
  const startedAt = performance.now();
  const received = await send(service.url(), made.sent).catch((error: Error) => error);
  const ms = performance.now() - startedAt;
  spentMs.set(operation.operationId, (spentMs.get(operation.operationId) ?? 0) + ms);
  const wrong =
    received instanceof Error ? `gives no answer: ${received.message}` : judged(operation, made, received);
  if (wrong !== undefined) {
    const key = `${operation.operationId} (${made.how}) ${wrong.slice(0, 60)}`;
    complaints.set(key, `${operation.operationId} (${made.how}) ${wrong}\n    ${asCurl(made.sent)}`);
  }
}

function judged(operation: Operation, made: Attempt, received: Received): string | undefined {
  const { status, type, text } = received;
  const counts = answers.get(operation.operationId) ?? new Map<string, number>();
  const outcome = `${status} ${codeOf(text)}`.trim();
  answers.set(operation.operationId, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
  if (status < 400 || !TOLD_BEFORE_IT_IS_READ.has(codeOf(text))) reached.add(operation.operationId);
  const wrong = complaint(operation, received);
  if (wrong !== undefined) return wrong;
  if (status >= 400) return undefined;
  if (made.mustFail) return `takes it with ${status}`;
  taken.add(operation.operationId);
  if (type === "application/json") tools.pool.harvest(operation.path, made.params, JSON.parse(text));
  return undefined;
}

/** What makes things comes first, what ends them last; between, each resource as the document has it: made, read, changed. */
const rank = ({ method, path }: Operation) => {
  if (!path.includes("{")) return method === "POST" ? 0 : 1;
  return method === "DELETE" ? 3 : 2;
};
const isList = ({ method, path }: Operation) => method === "GET" && !path.includes("{");
const inOrder = [...operations].sort((one, other) => rank(one) - rank(other));

describe("every operation of openapi.json", () => {
  it("answers as the document says, whatever it is sent", { timeout: ENOUGH_MS + 120_000 }, async () => {
    const startedAt = performance.now();
    const hasTime = () => performance.now() - startedAt < ENOUGH_MS;
    // What there is already, so that examples can name it.
    for (const operation of inOrder.filter(isList))
      await attempt(operation, exampleAttempt(operation, tools));
    for (let round = 0; round < MOST_ROUNDS && (round < LEAST_ROUNDS || hasTime()); round += 1) {
      const make = round === 0 ? exampleAttempt : round < VALID_ROUNDS ? validAttempt : brokenAttempt;
      for (const operation of inOrder) await attempt(operation, make(operation, tools));
    }
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    console.info(
      `contract test: ${requests} requests to ${operations.length} operations in ${seconds} s, ${taken.size} of them taken at least once`,
    );
    if (process.env.CONTRACT_TELL !== undefined) tell();
    const unread = operations.map(({ operationId }) => operationId).filter((id) => !reached.has(id));
    expect(
      unread,
      "Give the body of each an example (.meta({ example }) in contract/) that it takes",
    ).toEqual([]);
    expect([...complaints.values()].join("\n\n"), `seed ${seed}`).toBe("");
  });
});

/** For whoever wonders what an operation was asked: its answers, counted. */
function tell(): void {
  for (const [id, counts] of [...answers].sort())
    console.info(
      `${taken.has(id) ? "+" : " "} ${id}: ${[...counts].map(([o, n]) => `${o} ×${n}`).join(", ")}`,
    );
}
