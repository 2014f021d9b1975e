import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * What the demo counts with. It asks the local cloud for its resources and reads Pulumi's checkpoints from the state
 * folder, never the control service: a service that reported its own wishes would be found out here. Each listing is
 * kept in `<data>/listings/` for a person to look at.
 */

export interface CloudResource {
  account: string;
  region: string;
  type: string;
  id: string;
  arn?: string;
  name?: string;
  state: string;
  tags: Record<string, string>;
  properties: Record<string, unknown>;
  createdAt: string;
}

export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  custom: boolean;
  inputs?: Record<string, unknown>;
}

export interface StackListing {
  project: string;
  stack: string;
  resources: StateResource[];
}

export const TENANT_TAG = "tenantry:tenant-id";

export class Listings {
  readonly #dataDir: string;
  readonly #controlUrl: () => Promise<string>;
  #count = 0;

  constructor(dataDir: string, controlUrl: () => Promise<string>) {
    this.#dataDir = dataDir;
    this.#controlUrl = controlUrl;
  }

  /** Every object of the account, page by page; kept as `<n>-<name>.json`. */
  async cloud(name: string): Promise<CloudResource[]> {
    const base = await this.#controlUrl();
    const all: CloudResource[] = [];
    let cursor: string | undefined;
    do {
      const url = new URL("/v1/resources", base);
      url.searchParams.set("limit", "500");
      if (cursor !== undefined) url.searchParams.set("cursor", cursor);
      const response = await fetch(url);
      if (!response.ok)
        throw new Error(`Cannot list the local cloud: ${response.status} ${await response.text()}`);
      const page = (await response.json()) as { resources: CloudResource[]; nextCursor?: string };
      all.push(...page.resources);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    await this.#keep(`${name}-cloud`, all);
    return all;
  }

  /** Every stack in the state backend with its resources; kept as `<n>-<name>.json`. */
  async state(name: string): Promise<StackListing[]> {
    const root = join(this.#dataDir, "state", ".pulumi", "stacks");
    const listing: StackListing[] = [];
    for (const project of await readdir(root).catch(() => [])) {
      for (const file of await readdir(join(root, project))) {
        if (!file.endsWith(".json")) continue;
        const content = JSON.parse(await readFile(join(root, project, file), "utf8")) as {
          checkpoint?: { latest?: { resources?: StateResource[] } | null };
        };
        const resources = content.checkpoint?.latest?.resources ?? [];
        listing.push({
          project,
          stack: file.slice(0, -".json".length),
          resources: resources.map(({ urn, type, id, custom }) => ({
            urn,
            type,
            custom,
            ...(id ? { id } : {}),
          })),
        });
      }
    }
    await this.#keep(`${name}-state`, listing);
    return listing;
  }

  /** Changes or deletes an object as a person in the cloud's console would: past Pulumi and past the service. */
  async byHand(
    method: "PATCH" | "DELETE",
    resource: CloudResource,
    properties?: Record<string, unknown>,
  ): Promise<void> {
    const url = new URL("/v1/resources/one", await this.#controlUrl());
    url.search = new URLSearchParams({
      type: resource.type,
      id: resource.id,
      region: resource.region,
    }).toString();
    const response = await fetch(url, {
      method,
      ...(properties === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify({ properties }) }),
    });
    if (!response.ok)
      throw new Error(`Cannot ${method} ${resource.id}: ${response.status} ${await response.text()}`);
  }

  async #keep(name: string, value: unknown): Promise<void> {
    const folder = join(this.#dataDir, "listings");
    await mkdir(folder, { recursive: true });
    this.#count += 1;
    const file = `${String(this.#count).padStart(2, "0")}-${name}.json`;
    await writeFile(join(folder, file), `${JSON.stringify(value, null, 2)}\n`);
  }
}

export function ofTenant(resources: readonly CloudResource[], tenantId: string): CloudResource[] {
  return resources.filter((resource) => resource.tags[TENANT_TAG] === tenantId);
}

/** Objects that are only in one listing, or whose properties differ: keys are `type id`. */
export function difference(before: readonly CloudResource[], after: readonly CloudResource[]): string[] {
  const key = (resource: CloudResource) => `${resource.type} ${resource.id}`;
  const old = new Map(before.map((resource) => [key(resource), resource]));
  const now = new Map(after.map((resource) => [key(resource), resource]));
  const changed: string[] = [];
  for (const [name, resource] of old) {
    const other = now.get(name);
    if (other === undefined || JSON.stringify(other.properties) !== JSON.stringify(resource.properties)) {
      changed.push(name);
    }
  }
  for (const name of now.keys()) if (!old.has(name)) changed.push(name);
  return changed;
}
