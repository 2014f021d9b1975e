import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { keyIdOf } from "../../registry/signature.ts";
import type { Settings } from "../config.ts";

/**
 * The key that everything is signed with (certificates, entitlements, routing, checkpoints of the audit trail): Ed25519, from the
 * setting (a file or the PEM text itself) or else made once in the data folder. Its public half goes into the registry with the
 * first signature that is kept (registry/signingKey.ts), so what was signed can be checked for ever, by anybody, without
 * the service. Processes that share a registry should share the key; where they
 * do not, each of their keys is listed.
 */
export interface Signer {
  /** SHA-256 of the public key in DER, hex. */
  readonly keyId: string;
  /** PEM. */
  readonly publicKey: string;
  /** Base64. */
  sign(text: string): string;
}

const signers = new Map<string, Signer>();

/** Reads the key once a process. Throws when the file is there and holds no Ed25519 key. */
export function signerOf({ signingKey, dataDir }: Pick<Settings, "signingKey" | "dataDir">): Signer {
  const source = signingKey ?? join(dataDir, "signing-key.pem");
  const known = signers.get(source);
  if (known !== undefined) return known;
  const signer = createSigner(privateKeyOf(source, signingKey === undefined));
  signers.set(source, signer);
  return signer;
}

export function createSigner(privateKey: KeyObject): Signer {
  const publicKey = createPublicKey(privateKey);
  return {
    keyId: keyIdOf(publicKey),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    sign: (text) => sign(null, Buffer.from(text, "utf8"), privateKey).toString("base64"),
  };
}

function privateKeyOf(source: string, mayCreate: boolean): KeyObject {
  const pem = source.startsWith("-----BEGIN") ? source : readKeyFile(source, mayCreate);
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new Error(
    `Cannot sign: the key must be Ed25519, got ${key.asymmetricKeyType ?? "a secret"}. ` +
      "Make one with: openssl genpkey -algorithm ed25519",
  );
}

function readKeyFile(file: string, mayCreate: boolean): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    if (missing && mayCreate) return createKeyFile(file);
    throw new Error(`Cannot sign: the key file ${file} must be readable.`, { cause });
  }
}

/** Linked into place whole, so that of two processes that start at once both use the one that was first. */
function createKeyFile(file: string): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const own = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(own, pem, { mode: 0o600, flush: true });
  try {
    linkSync(own, file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
  } finally {
    rmSync(own, { force: true });
  }
  return readFileSync(file, "utf8");
}
