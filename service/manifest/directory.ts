import type { Contact } from "../../contract/contact.ts";
import type { FieldError } from "../../contract/errors.ts";
import type { Manifest, ManifestContact } from "../../contract/manifest.ts";
import * as contacts from "../../registry/contact.ts";
import * as externalIds from "../../registry/externalId.ts";
import type { Change, Reader } from "../../registry/registry.ts";
import type { ParsedManifest } from "./parse.ts";

/**
 * What the directory has beside a tenant's record: the people to turn to, and what other systems call it. A manifest that
 * speaks of one of them says all of it; one that does not leaves it as it is. People are compared and written, and never kept
 * with the manifest, as they are gone with their tenant and the text of a manifest is not.
 */
export interface Directory {
  readonly contacts: readonly ManifestContact[];
  readonly externalIds: Readonly<Record<string, string>>;
}

export const NO_DIRECTORY: Directory = { contacts: [], externalIds: {} };

export async function directoryOf(db: Reader, tenantId: string): Promise<Directory> {
  return (await directoriesOf(db, [tenantId])).get(tenantId) ?? NO_DIRECTORY;
}

/** Two statements, however many tenants. */
export async function directoriesOf(
  db: Reader,
  tenantIds: readonly string[],
): Promise<Map<string, Directory>> {
  if (tenantIds.length === 0) return new Map();
  const people = Map.groupBy(await contacts.contactsOfAll(db, tenantIds), ({ tenantId }) => tenantId);
  const ids = Map.groupBy(await externalIds.externalIdsOfAll(db, tenantIds), ({ tenantId }) => tenantId);
  const one = (tenantId: string): Directory => ({
    contacts: inOrder((people.get(tenantId) ?? []).map(plain)),
    externalIds: Object.fromEntries(
      (ids.get(tenantId) ?? []).map(({ system, externalId }) => [system, externalId]),
    ),
  });
  return new Map(tenantIds.map((tenantId) => [tenantId, one(tenantId)]));
}

/** Two texts that name the same people in another order say the same. */
export function inOrder(people: readonly ManifestContact[]): ManifestContact[] {
  const keyOf = ({ role, email, name, phone }: ManifestContact) => JSON.stringify([role, email, name, phone]);
  return [...people].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

export function withoutPeople(manifest: Manifest): Manifest {
  const { contacts: _people, ...spec } = manifest.spec;
  return { ...manifest, spec };
}

/** Brings the directory to what the manifest says; what is so already is left alone. */
export async function directoryWrite(
  change: Change,
  tenantId: string,
  { spec }: Manifest,
  reason: string | undefined,
): Promise<void> {
  const because = reason === undefined ? {} : { reason };
  if (spec.contacts !== undefined) await contactsWrite(change, tenantId, spec.contacts, because);
  if (spec.externalIds === undefined) return;
  const wanted = spec.externalIds;
  for (const { system } of await externalIds.externalIdsOf(change.db, tenantId)) {
    if (wanted[system] === undefined)
      await externalIds.externalIdRemove(change, { tenantId, system }, because);
  }
  for (const [system, externalId] of Object.entries(wanted))
    await externalIds.externalIdSet(change, { tenantId, system }, { externalId, ...because });
}

interface Because {
  readonly reason?: string;
}

/** Whoever keeps role and address is the same contact with another name or number. Removed first, as there is a bound. */
async function contactsWrite(
  change: Change,
  tenantId: string,
  wanted: readonly ManifestContact[],
  because: Because,
): Promise<void> {
  const missing = [...wanted];
  for (const contact of await contacts.contactsOf(change.db, tenantId)) {
    const place = missing.findIndex(({ role, email }) => role === contact.role && email === contact.email);
    const [same] = place < 0 ? [] : missing.splice(place, 1);
    const named = { tenantId, contactId: contact.contactId };
    if (same === undefined) await contacts.contactRemove(change, named, because);
    else await contacts.contactUpdate(change, named, { name: same.name, phone: same.phone, ...because });
  }
  for (const contact of missing) await contacts.contactCreate(change, tenantId, { ...contact, ...because });
}

/** An id that is another tenant's; told before anything is written. */
export async function externalIdProblems(
  db: Reader,
  parsed: ParsedManifest,
  tenantId: string | undefined,
): Promise<FieldError[]> {
  const problems: FieldError[] = [];
  for (const [system, externalId] of Object.entries(parsed.manifest.spec.externalIds ?? {})) {
    const holder = await externalIds.externalIdHolder(db, system, externalId);
    if (holder === undefined || holder.tenantId === tenantId) continue;
    const hint = "Remove it from the other tenant first, or correct it.";
    problems.push(
      parsed.problem(`spec.externalIds.${system}`, `is the id of another tenant: ${externalId}`, hint),
    );
  }
  return problems;
}

function plain({ role, name, email, phone }: Contact): ManifestContact {
  return { role, name, email, phone };
}
