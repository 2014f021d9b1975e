import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { legalTransitions, nextStatus, type TenantAction } from "../../contract/lifecycle.ts";
import { TENANT_STATUSES, type TenantStatus } from "../../contract/vocabulary.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  startTestService,
  type TestService,
} from "./harness.ts";

let service: TestService;

beforeAll(async () => {
  service = await startTestService(["--decommission-grace-ms", "86400000"]);
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

/** `finish_decommission` is nobody's to ask for. */
type Asked = Exclude<TenantAction, "finish_decommission">;

interface Subject {
  readonly tenantId: string;
  readonly slug: string;
}

const requests: Readonly<Record<Asked, (subject: Subject) => [string, string, object?]>> = {
  update: () => ["PATCH", "", { labels: { tier: String(Math.random()).slice(2, 8) } }],
  activate: () => ["POST", "/activate", {}],
  deploy: () => ["POST", "/deploy", { force: true }],
  rotate_credentials: () => ["POST", "/rotate-credentials", {}],
  suspend: () => ["POST", "/suspend", {}],
  reactivate: () => ["POST", "/reactivate", {}],
  archive: () => ["POST", "/archive", { reason: "paused for long" }],
  restore: () => ["POST", "/restore", {}],
  decommission: ({ slug }) => ["POST", "/decommission", { confirmSlug: slug, reason: "contract ended" }],
  undo_decommission: () => ["POST", "/decommission/undo", { reason: "renewed" }],
  delete: () => ["DELETE", "?reason=made%20by%20mistake"],
};
const ACTIONS = Object.keys(requests) as Asked[];

const get = async ({ tenantId }: Subject) =>
  (await service.call("GET", `${controlPlane}/tenants/${tenantId}`)).body;

/** Asks, waits until all that follows has ended, and gives the answer. */
async function ask(subject: Subject, action: Asked) {
  const [method, at, body] = requests[action](subject);
  const path = `${controlPlane}/tenants/${subject.tenantId}${at}`;
  const answer = await service.call(method, path, body === undefined ? {} : { body });
  for (const { operationId } of answer.body.operations ?? []) {
    expect(await ended(service, operationId)).toMatchObject({ status: "succeeded", error: null });
  }
  return answer;
}

let born = 0;
async function tenantIn(status: TenantStatus): Promise<Subject> {
  born += 1;
  const slug = `subject-${born}`;
  const subject = { tenantId: await createTenant(service, slug), slug };
  const ways: Record<TenantStatus, readonly Asked[]> = {
    draft: [],
    active: ["activate"],
    suspended: ["activate", "suspend"],
    archived: ["activate", "suspend", "archive"],
    decommissioning: ["activate", "decommission"],
    deleted: ["delete"],
  };
  for (const action of ways[status]) await ask(subject, action);
  expect(await get(subject)).toMatchObject({ status });
  return subject;
}

describe("every action in every status", () => {
  it.each(TENANT_STATUSES)(
    "of a tenant that is %s does what the table says, or nothing and says why",
    async (status) => {
      const refused = await tenantIn(status);
      const before = await get(refused);
      const legal = legalTransitions(status).filter(({ action }) => action !== "finish_decommission");
      for (const action of ACTIONS.filter((one) => nextStatus(status, one) === undefined)) {
        const answer = await ask(refused, action);
        expect([action, answer.status, answer.body.code]).toEqual([action, 409, "illegal_transition"]);
        expect(answer.body.legalTransitions).toEqual(legal);
      }
      expect(await get(refused)).toEqual(before);
      for (const { action, to } of legal) {
        const subject = await tenantIn(status);
        const answer = await ask(subject, action as Asked);
        expect([action, answer.status < 300]).toEqual([action, true]);
        const goal = to === "before" ? "active" : to;
        expect([action, (await get(subject)).status]).toEqual([action, goal]);
      }
    },
  );
});

describe("any sequence of actions", () => {
  it("moves the tenant as the table says, keeps what is wanted and what is shown together, and undoes to where it was", async () => {
    const sequences = fc.array(fc.constantFrom(...ACTIONS), { minLength: 8, maxLength: 24 });
    await fc.assert(
      fc.asyncProperty(sequences, async (actions) => {
        const subject = await tenantIn("draft");
        let model: { status: TenantStatus; before: TenantStatus } = { status: "draft", before: "draft" };
        for (const action of actions) {
          const to = nextStatus(model.status, action);
          const answer = await ask(subject, action);
          expect(answer.status === 409).toBe(to === undefined);
          if (to === "before") model = { status: model.before, before: model.before };
          else if (to === "decommissioning" && model.status !== to)
            model = { status: to, before: model.status };
          else if (to !== undefined) model = { ...model, status: to };
          const { status, requestedStatus } = await get(subject);
          const wanted = status === "decommissioning" ? "deleted" : status;
          expect({ status, requestedStatus }).toEqual({ status: model.status, requestedStatus: wanted });
        }
      }),
      { numRuns: 20, seed: 20_260_301, endOnFailure: true },
    );
  });
});
