import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keyIdOf } from "../../registry/signature.ts";
import { signerOf } from "./signer.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "tenantry-signing-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

function privatePem(): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

describe("the signing key", () => {
  it("is made once in the data folder, for its owner's eyes only, and used again", () => {
    const settings = { dataDir, signingKey: undefined };
    const signer = signerOf(settings);
    expect(statSync(join(dataDir, "signing-key.pem")).mode & 0o777).toBe(0o600);
    expect(signerOf(settings)).toBe(signer);
    const publicKey = createPublicKey(signer.publicKey);
    expect(signer.keyId).toBe(keyIdOf(publicKey));
    const signature = Buffer.from(signer.sign("text"), "base64");
    expect(verify(null, Buffer.from("text"), publicKey, signature)).toBe(true);
    expect(verify(null, Buffer.from("texts"), publicKey, signature)).toBe(false);
  });

  it("can be a file, or the PEM itself as a container gets it", () => {
    const signingKey = privatePem();
    const file = join(dataDir, "key.pem");
    writeFileSync(file, signingKey);
    expect(signerOf({ dataDir, signingKey }).keyId).toBe(signerOf({ dataDir, signingKey: file }).keyId);
  });

  it("is never made where somebody named a file that is not there, and must be Ed25519", () => {
    const missing = join(dataDir, "missing.pem");
    expect(() => signerOf({ dataDir, signingKey: missing })).toThrow(/must be readable/);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const signingKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(() => signerOf({ dataDir, signingKey })).toThrow("the key must be Ed25519, got ec");
  });
});
