import pg from "pg";
import type { Tenant } from "../contract/tenant.ts";
import type { CloudResource } from "./listings.ts";
import { ofTenant } from "./listings.ts";

const SECRET = "aws:secretsmanager/secret:Secret";
const ROWS = 500;
const OBJECTS = 20;

/** A tenant's data as its own services would see it: through the login in their secret and the objects of their prefix. */
export class TenantData {
  readonly #controlUrl: () => Promise<string>;
  readonly #bucket: string;

  constructor(controlUrl: () => Promise<string>, bucket: string) {
    this.#controlUrl = controlUrl;
    this.#bucket = bucket;
  }

  async write(tenant: Tenant, cloud: readonly CloudResource[]): Promise<void> {
    await this.#asTenant(tenant, cloud, async (client) => {
      await client.query("CREATE TABLE orders (id int PRIMARY KEY, note text)");
      await client.query(`INSERT INTO orders SELECT n, 'order ' || n FROM generate_series(1, ${ROWS}) AS n`);
    });
    for (let number = 1; number <= OBJECTS; number += 1) {
      const key = `${prefixOf(tenant)}invoice-${number}.json`;
      await this.#control("PUT", "/v1/s3/object", { key }, { number });
    }
  }

  /** Rows in the database, or undefined when the tenant has none to log in to. */
  async rows(tenant: Tenant, cloud: readonly CloudResource[]): Promise<number> {
    return this.#asTenant(tenant, cloud, async (client) => {
      const { rows } = await client.query("SELECT count(*)::int AS count FROM orders");
      return Number(rows[0]?.count);
    });
  }

  async objects(tenant: Tenant): Promise<number> {
    const answer = await this.#control("GET", "/v1/s3/objects", { prefix: prefixOf(tenant) });
    return (answer as { objects: unknown[] }).objects.length;
  }

  async #asTenant<T>(
    tenant: Tenant,
    cloud: readonly CloudResource[],
    work: (client: pg.Client) => Promise<T>,
  ): Promise<T> {
    const secret = ofTenant(cloud, tenant.tenantId).find(
      ({ type, state }) => type === SECRET && state === "present",
    );
    if (secret === undefined) throw new Error(`Cannot log in: ${tenant.slug} must have a secret, got none`);
    const asked = { id: secret.arn ?? secret.id, region: secret.region };
    const { value } = (await this.#control("GET", "/v1/secrets/value", asked)) as { value: string };
    const { host, port, database, username: user, password } = JSON.parse(value) as Record<string, string>;
    const client = new pg.Client({ host, port: Number(port), database, user, password });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  async #control(
    method: string,
    path: string,
    query: Record<string, string>,
    body?: unknown,
  ): Promise<unknown> {
    const url = new URL(path, await this.#controlUrl());
    url.search = new URLSearchParams({ bucket: this.#bucket, ...query }).toString();
    const response = await fetch(url, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot ${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }
}

function prefixOf({ tenantId }: Tenant): string {
  return `tenants/${tenantId}/`;
}
