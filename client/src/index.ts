import createFetchClient, { type Client } from "openapi-fetch";
import { isProblem, TenantryError } from "./problem.ts";
import { retrying } from "./retrying.ts";
import type { components, operations, paths } from "./schema.ts";
import { createTransport } from "./transport.ts";

export type { Problem } from "./problem.ts";
export type { components, operations, paths };
/**
 * The client of a control plane for TypeScript: paths, parameters, bodies and answers have the types of the API's own description.
 *
 *     const tenantry = createTenantryClient({ url, apiKey });
 *     const tenant = taken(await tenantry.GET("/v1/control-plane/tenants/{tenantId}", { params: { path: { tenantId } } }));
 */
export { isProblem, TenantryError };
export type Schemas = components["schemas"];

export interface TenantryClientOptions {
  readonly url: string | URL;
  readonly apiKey: string;
  readonly userAgent?: string;
  /** In place of the platform's own, for proxies and tests. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

export type TenantryClient = Client<paths>;

export function createTenantryClient({
  url,
  apiKey,
  userAgent,
  fetch,
}: TenantryClientOptions): TenantryClient {
  const transport = createTransport({ url, apiKey: () => apiKey, userAgent, fetch });
  const baseUrl = new URL(url).href.replace(/\/$/, "");
  return createFetchClient<paths>({
    baseUrl,
    redirect: "manual",
    fetch: retrying(transport.dispatch),
  });
}

interface Answered<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/** The answer's body; throws a TenantryError when the service refused. */
export function taken<T>({ data, error, response }: Answered<T>): NonNullable<T> {
  if (response.ok && data !== undefined && data !== null) return data;
  throw new TenantryError(response.status, isProblem(error) ? error : undefined);
}

interface PageOf<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** All items of a list, page after page. `page` asks for one page: `(cursor) => client.GET(…, { params: { query: { cursor } } })`. */
export async function* pageItems<T>(
  page: (cursor: string | undefined) => Promise<Answered<PageOf<T>>>,
): AsyncGenerator<T, void, undefined> {
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = taken(await page(cursor));
    yield* items;
    cursor = nextCursor ?? undefined;
  } while (cursor !== undefined);
}
