import { randomUUID } from "node:crypto";
import { signingKeyFind, signingKeyKeep } from "../../registry/signingKey.ts";
import { controllerFor, type ServiceContext } from "../app/context.ts";
import { type Signer, signerOf } from "../signing/signer.ts";

const listed = new WeakMap<ServiceContext["nudges"], Promise<void>>();

/** The signer of bundles, whose key is on the list of keys before it is used: a signature nobody can check is worth nothing. */
export async function listedSigner(service: ServiceContext): Promise<Signer> {
  const signer = signerOf(service.settings);
  const { nudges } = service;
  const known = listed.get(nudges) ?? list(service, signer);
  listed.set(nudges, known);
  try {
    await known;
  } catch (thrown) {
    listed.delete(nudges);
    throw thrown;
  }
  return signer;
}

async function list({ registry }: ServiceContext, { keyId, publicKey }: Signer): Promise<void> {
  if ((await registry.read((db) => signingKeyFind(db, keyId))) !== undefined) return;
  const requestId = randomUUID();
  await registry.change(controllerFor({ requestId, correlationId: requestId }), async (change) => {
    await signingKeyKeep(change, { keyId, publicKey });
    await change.audit({ action: "signing_key.listed", target: { type: "signing_key", id: keyId } });
  });
}
