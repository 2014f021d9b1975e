import { API_KEY_ROLES, type ApiKeyRole } from "../../contract/vocabulary.ts";

/** Whether a role may do what another may. */
export function roleCovers(held: ApiKeyRole | null, needed: ApiKeyRole): boolean {
  const least = API_KEY_ROLES.indexOf(needed);
  // A role that is not on the list is asked for by nobody and held by nobody.
  return held !== null && least >= 0 && API_KEY_ROLES.indexOf(held) >= least;
}
