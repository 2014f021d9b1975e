import { z } from "zod";
import { setting, whole } from "./setting.ts";

/** Who decides, and what is signed. */
export const governanceSettings = {
  /** Where the Cedar policies come from: a folder or an https URL; the project's own policies/ when left out. */
  policies: setting(
    "folder or https URL of the Cedar policies (the project's own)",
    z.string().min(1).optional(),
  ),
  /** Ed25519 public key, a PEM file or the PEM itself, that a policy bundle from a URL must be signed with. */
  policiesKey: setting(
    "Ed25519 public key (PEM or its file) that a policy bundle from a URL must be signed with",
    z.string().min(1).optional(),
  ),
  policiesPollMs: setting(
    "how often the source of the policies is looked at (5000)",
    whole(50, 3_600_000).default(5_000),
  ),
  auditCheckpointMs: setting(
    "how often the audit trail is signed, 0 for only when asked (3600000)",
    whole(0, 30 * 86_400_000).default(3_600_000),
  ),
  auditAnchor: setting(
    "folder, s3://bucket/prefix?region=… or https address that signed checkpoints are written to as well",
    z.string().min(1).max(1_000).optional(),
  ),
  /** One is made when left out. */
  signingKey: setting(
    "PEM, or its file, of the Ed25519 key that all is signed with (signing-key.pem in the data folder)",
    z.string().min(1).optional(),
  ),
};
