import type { Page, PageRequest } from "../../contract/common.ts";
import type { SignedCertificate, SigningKey } from "../../contract/decommission.ts";
import { ProblemError } from "../../contract/errors.ts";
import { certificateFind } from "../../registry/certificate.ts";
import { signingKeyList as registryKeyList } from "../../registry/signingKey.ts";
import { tenantGet } from "../../registry/tenant.ts";
import { authorize } from "./authorize.ts";
import type { RequestContext } from "./context.ts";

/** The proof of a deletion, for as long as there is a registry, and the keys it is checked with. */
export async function certificateGet(context: RequestContext, tenantId: string): Promise<SignedCertificate> {
  await authorize(context, "certificateGet", tenantId);
  return context.registry.read(async (db) => {
    const { status } = await tenantGet(db, tenantId);
    const certificate = await certificateFind(db, tenantId);
    if (certificate !== undefined) return certificate;
    throw new ProblemError("certificate_not_found", {
      detail: `Cannot find the tenant's deletion certificate: it is issued when nothing is left, and the tenant is ${status}.`,
      hint:
        status === "deleted"
          ? "A draft that never had a target needs no certificate."
          : "Decommission the tenant; the certificate comes with its deletion.",
    });
  });
}

export async function signingKeyList(context: RequestContext, page: PageRequest): Promise<Page<SigningKey>> {
  await authorize(context, "signingKeyList");
  return context.registry.read((db) => registryKeyList(db, page));
}
