import { API_KEY_ROLES, type ApiKeyRole } from "../../contract/vocabulary.ts";

/** Whether a role may do what another may. */
export function roleCovers(held: ApiKeyRole | null, needed: ApiKeyRole): boolean {
  return held !== null && API_KEY_ROLES.indexOf(held) >= API_KEY_ROLES.indexOf(needed);
}
