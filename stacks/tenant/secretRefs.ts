import type { TenantLayout } from "../../components/tenantServiceSet/layout.ts";
import { SERVICE_NAMES, type ServiceName } from "../../components/tenantServiceSet/services.ts";

/**
 * The references that belong to one service. A reference is the name of a secret below
 * `/<environment>/tenants/<tenantId>/<service>/`; any other name is refused, since it could be another tenant's.
 */
export function secretRefsOf(
  service: ServiceName,
  references: Readonly<Record<string, string>>,
  layout: TenantLayout,
): Readonly<Record<string, string>> {
  const own = Object.entries(references).filter(
    ([variable, name]) => ownerOf(variable, name, layout) === service,
  );
  return Object.fromEntries(own);
}

function ownerOf(variable: string, name: string, layout: TenantLayout): ServiceName {
  const owner = SERVICE_NAMES.find((service) => {
    const path = layout.services[service].secretPath;
    return name.startsWith(path) && name.length > path.length;
  });
  // Secrets Manager names allow no wildcard, so a name that passes cannot be a pattern.
  if (owner !== undefined && /^[A-Za-z0-9/_+=.@-]+$/.test(name)) return owner;
  throw new Error(
    `Cannot use the secret reference ${variable}: it must name a secret below ${layout.secretPrefix}<service>/, ` +
      `got ${JSON.stringify(name)}. Store the secret there and refer to it by that name.`,
  );
}
