import { afterEach, expect, it, vi } from "vitest";
import { createTenantryClient, pageItems, TenantryError, taken } from "./index.ts";
import { LIMITS } from "./retry.ts";

afterEach(() => vi.useRealTimers());

const url = "http://tenantry.example:7070";
const tenants = "/v1/control-plane/tenants" as const;
const problem = {
  type: "urn:x",
  title: "t",
  status: 404,
  detail: "No such tenant.",
  code: "tenant_not_found",
  errors: [],
};
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });

/** Gives its answers in order; an Error is a lost connection. */
function scripted(...answers: (Response | Error)[]) {
  const asked: Request[] = [];
  const fetch = async (request: Request) => {
    asked.push(request);
    const answer = answers.shift() ?? new Error("asked once too often");
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, client: createTenantryClient({ url, apiKey: "tk_a_b", userAgent: "test", fetch }) };
}

it("sends the key, what it is, and no request after a redirect", async () => {
  const { asked, client } = scripted(json(200, { items: [], nextCursor: null }));
  await client.GET(tenants, { params: { query: { limit: 5 } } });
  const [request] = asked;
  expect(request?.url).toBe(`${url}${tenants}?limit=5`);
  expect(request?.headers.get("authorization")).toBe("Bearer tk_a_b");
  expect(request?.headers.get("user-agent")).toBe("test");
  expect(request?.headers.has("idempotency-key")).toBe(false);
  expect(request?.redirect).toBe("manual");
});

it("tries a mutation again with the same key and body when the answer is lost or the service is busy", async () => {
  const busy = json(503, { ...problem, code: "busy" }, { "retry-after": "0" });
  const { asked, client } = scripted(new Error("reset"), busy, json(201, { tenantId: "t" }));
  const body = { slug: "acme", displayName: "Acme", plan: "starter" } as const;
  const made = taken(await client.POST(tenants, { body: body as never }));
  expect(made).toEqual({ tenantId: "t" });
  const keys = asked.map(({ headers }) => headers.get("idempotency-key"));
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(new Set(keys).size).toBe(1);
  expect(await Promise.all(asked.map((request) => request.json()))).toEqual([body, body, body]);
});

it("asks again for what its first try is still doing, and takes other conflicts as answers", async () => {
  const underWay = json(409, { ...problem, code: "idempotency_in_progress" }, { "retry-after": "0" });
  const { asked, client } = scripted(underWay, json(409, { ...problem, code: "duplicate_slug" }));
  const body = { slug: "acme", displayName: "Acme", plan: "starter" } as const;
  const { error } = await client.POST(tenants, { body: body as never });
  expect(error).toMatchObject({ code: "duplicate_slug" });
  expect(asked).toHaveLength(2);
});

it("throws the problem of a refusal, and tries it once", async () => {
  const { asked, client } = scripted(json(404, problem));
  const refused = await client
    .GET("/v1/control-plane/tenants/{tenantId}", { params: { path: { tenantId: "x" } } })
    .then(taken)
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(TenantryError);
  expect(refused).toMatchObject({ status: 404, code: "tenant_not_found", message: "No such tenant." });
  expect(asked).toHaveLength(1);
});

it("goes through all pages", async () => {
  const { asked, client } = scripted(
    json(200, { items: [{ slug: "a" }, { slug: "b" }], nextCursor: "n" }),
    json(200, { items: [{ slug: "c" }], nextCursor: null }),
  );
  const page = (cursor: string | undefined) =>
    client.GET(tenants, { params: { query: { limit: 2, ...(cursor === undefined ? {} : { cursor }) } } });
  const slugs: string[] = [];
  for await (const { slug } of pageItems(page)) slugs.push(slug);
  expect(slugs).toEqual(["a", "b", "c"]);
  expect(asked[1]?.url).toContain("cursor=n");
});

it("gives up a wait when the caller does", async () => {
  const { asked, client } = scripted(json(429, problem, { "retry-after": "30" }), json(200, { items: [] }));
  const caller = new AbortController();
  const outcome = client.GET(tenants, { signal: caller.signal }).catch((error: unknown) => error);
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  await new Promise((resolve) => setImmediate(resolve));
  caller.abort(new Error("enough"));
  expect(await outcome).toMatchObject({ message: "enough" });
  expect(asked).toHaveLength(1);
});

it("limits how long an answer takes to begin, not how long it is", async () => {
  vi.useFakeTimers();
  const { asked, client } = scripted(json(200, { items: [] }));
  await client.GET(tenants);
  vi.advanceTimersByTime(2 * LIMITS.requestTimeoutMs);
  expect(asked[0]?.signal.aborted).toBe(false);

  const silent = createTenantryClient({
    url,
    apiKey: "tk_a_b",
    fetch: ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  const outcome = silent.GET(tenants).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(5 * LIMITS.requestTimeoutMs);
  expect(await outcome).toMatchObject({ name: "TimeoutError" });
});
