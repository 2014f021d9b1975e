import type { Page } from "../../contract/common.ts";
import type { Tenant } from "../../contract/tenant.ts";
import type { Client } from "../api/client.ts";
import { EXIT, Failure } from "../exit.ts";
import type { Field } from "./fields.ts";
import type { Typed } from "./request.ts";
import type { Session } from "./spec.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const PAGE_ITEMS = "200";

/** Slugs become ids: people know the one, the API wants the other. */
export async function tenantIds(fields: readonly Field[], typed: Typed, session: Session): Promise<Typed> {
  const found: Record<string, Typed[string]> = { ...typed };
  for (const { option, tenant } of fields) {
    const given = typed[option];
    if (!tenant || given === undefined || typeof given === "boolean") continue;
    found[option] =
      typeof given === "string"
        ? await tenantId(session.client(), given)
        : await Promise.all(given.map((one) => tenantId(session.client(), one)));
  }
  return found;
}

export async function tenantId(client: Client, slugOrId: string): Promise<string> {
  if (UUID.test(slugOrId)) return slugOrId;
  return (await tenantBySlug(client, slugOrId)).tenantId;
}

/** A slug can be used again after its tenant was deleted; then the living one is meant. */
async function tenantBySlug(client: Client, slug: string): Promise<Tenant> {
  let deleted: Tenant | undefined;
  let cursor: string | null = null;
  do {
    const query: Record<string, string> = {
      slugPrefix: slug,
      sort: "slug",
      limit: PAGE_ITEMS,
      ...(cursor === null ? {} : { cursor }),
    };
    const page: Page<Tenant> = (
      await client.call<Page<Tenant>>({ method: "get", path: "/v1/control-plane/tenants", query })
    ).body;
    const same = page.items.filter((tenant) => tenant.slug === slug);
    const living = same.find(({ status }) => status !== "deleted");
    if (living !== undefined) return living;
    deleted ??= same[0];
    cursor = page.nextCursor;
  } while (cursor !== null);
  if (deleted !== undefined) return deleted;
  throw new Failure(
    EXIT.failed,
    `Cannot find the tenant ${slug}: no tenant has that slug. List them with \`tenantry tenant list\`.`,
  );
}
