import { controlPlane, createTenant, run, type TestService, waitFor } from "./harness.ts";

/** What tests of rollouts ask a service for. */
// biome-ignore-start lint/suspicious/noExplicitAny: answers are checked against the contract by the service itself
export interface RolloutClient {
  get(at: string): Promise<any>;
  post(at: string, body?: object): Promise<{ status: number; body: any }>;
  /** Creates one and waits until its preview is done. */
  previewed(body: object): Promise<any>;
  start(rollout: { rolloutId: string; previewDigest: string }, more?: object): Promise<any>;
  /** Waits until a rollout is as wanted. */
  until(rolloutId: string, wanted: (rollout: any) => boolean): Promise<any>;
  ended(rolloutId: string): Promise<any>;
  /** From its creation to its end. */
  run(body: object): Promise<any>;
  targets(rolloutId: string, query?: string): Promise<any[]>;
}

export async function activeTenants(
  service: TestService,
  slugs: readonly string[],
  more: object = {},
): Promise<string[]> {
  const tenants: string[] = [];
  for (const slug of slugs) {
    const tenantId = await createTenant(service, slug, more);
    await run(service, `/tenants/${tenantId}/activate`);
    tenants.push(tenantId);
  }
  return tenants;
}

export function rolloutsOf(service: Pick<TestService, "call">): RolloutClient {
  return createRolloutClient((method, at, body) =>
    service.call(method, `${controlPlane}${at}`, body === undefined ? {} : { body }),
  );
}

type Call = (method: string, at: string, body?: object) => Promise<{ status: number; body: any }>;

export function createRolloutClient(call: Call, limitMs = 60_000): RolloutClient {
  const get = async (at: string) => (await call("GET", at)).body;
  const post = (at: string, body: object = {}) => call("POST", at, body);
  const until = (rolloutId: string, wanted: (rollout: any) => boolean) => {
    let last: any;
    const look = async () => {
      last = await get(`/rollouts/${rolloutId}`);
      return wanted(last) ? last : undefined;
    };
    return waitFor(`rollout ${rolloutId}`, look, limitMs).catch((thrown: unknown) => {
      throw new Error(`${String(thrown)}: ${JSON.stringify(last)}`);
    });
  };
  const ended = (rolloutId: string) => until(rolloutId, ({ finishedAt }) => finishedAt !== null);
  const client: RolloutClient = {
    get,
    post,
    until,
    ended,
    async previewed(body) {
      const answer = await post("/rollouts", body);
      if (answer.status !== 202) throw new Error(`cannot roll out: ${JSON.stringify(answer.body)}`);
      return until(answer.body.rolloutId, ({ status }) => status !== "previewing");
    },
    async start({ rolloutId, previewDigest }, more = {}) {
      const answer = await post(`/rollouts/${rolloutId}/start`, { previewDigest, ...more });
      if (answer.status !== 202) throw new Error(`cannot start: ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    async run(body) {
      const rollout = await client.previewed(body);
      await client.start(rollout);
      return ended(rollout.rolloutId);
    },
    targets: async (rolloutId, query = "") => (await get(`/rollouts/${rolloutId}/targets${query}`)).items,
  };
  return client;
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above
