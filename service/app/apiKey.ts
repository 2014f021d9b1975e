import type { ApiKey, ApiKeyCreate, ApiKeyCreated, ApiKeyRotate } from "../../contract/apiKey.ts";
import type { Page, PageRequest } from "../../contract/common.ts";
import * as registry from "../../registry/apiKey.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type Principal, type RequestContext, type ServiceContext } from "./context.ts";

export async function apiKeyCreate(context: RequestContext, input: ApiKeyCreate): Promise<ApiKeyCreated> {
  await authorize(context, "apiKeyCreate");
  return changeAs(context, async (change) => {
    const { apiKey, secret } = await registry.apiKeyCreate(change, input);
    return { ...apiKey, secret };
  });
}

export async function apiKeyList(context: RequestContext, page: PageRequest): Promise<Page<ApiKey>> {
  await authorize(context, "apiKeyList");
  return context.registry.read((db) => registry.apiKeyList(db, page));
}

export async function apiKeyRotate(
  context: RequestContext,
  keyId: string,
  input: ApiKeyRotate,
): Promise<ApiKeyCreated> {
  await authorize(context, "apiKeyRotate");
  return changeAs(context, async (change) => {
    const { apiKey, secret } = await registry.apiKeyRotate(change, keyId, input);
    return { ...apiKey, secret };
  });
}

export async function apiKeyRevoke(
  context: RequestContext,
  keyId: string,
  reason: string | undefined,
): Promise<ApiKey> {
  await authorize(context, "apiKeyRevoke");
  return changeAs(context, (change) => registry.apiKeyRevoke(change, keyId, reason));
}

/** Who presents a key, or undefined when it opens nothing. */
export function createAuthentication(service: ServiceContext) {
  const find = registry.rememberedKeys(service.registry);
  return async (secret: string): Promise<Principal | undefined> => {
    const apiKey = await registry.apiKeyAuthenticate(find, secret);
    if (apiKey === undefined) return undefined;
    if (registry.apiKeyUseIsStale(apiKey)) await markUsed(service, apiKey.keyId);
    const { keyId, name, role, environments } = apiKey;
    return { kind: "api_key", id: keyId, name, role, environments };
  };
}

/** When a key was last used is worth knowing, not worth refusing a read for while nothing can be written. */
async function markUsed(service: ServiceContext, keyId: string): Promise<void> {
  try {
    await service.registry.record((record) => registry.apiKeyMarkUsed(record, keyId));
  } catch (thrown) {
    service.log.warn({ err: thrown, keyId }, "cannot note that a key was used");
  }
}

/** The first key of a registry, to be shown this once; undefined when there are keys already. */
export async function apiKeyFirst(service: ServiceContext): Promise<string | undefined> {
  const system = { actor: { kind: "system", id: "setup", name: "first start" } as const };
  return service.registry.change(
    { ...system, requestId: "first-start", correlationId: "first-start" },
    async (change) => {
      if (await registry.apiKeyExists(change.db)) return undefined;
      const input = { name: "admin", role: "fleet_admin", environments: null, expiresAt: null } as const;
      return (await registry.apiKeyCreate(change, input)).secret;
    },
  );
}
