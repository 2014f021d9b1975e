import { spawnSync } from "node:child_process";
import { join } from "node:path";
import Database from "better-sqlite3";
import type { AuditVerification } from "../contract/audit.ts";
import type { Api } from "./api.ts";
import { root } from "./processes.ts";
import { check, line, step } from "./terminal.ts";

/** Runs the offline verification on a file; its exit code is 0 (verified) or 2 (broken). */
function verifyOffline(
  file: string,
  env: NodeJS.ProcessEnv,
): { exitCode: number | null; answer: AuditVerification } {
  const result = spawnSync(join(root, "script/audit"), ["verify", file, "--json"], { env, encoding: "utf8" });
  if (result.status !== 0 && result.status !== 2) throw new Error(`Cannot verify ${file}: ${result.stderr}`);
  return { exitCode: result.status, answer: JSON.parse(result.stdout) as AuditVerification };
}

/** Edits one event the way an intruder with the file in hand would: triggers first. */
function tamper(file: string): void {
  const db = new Database(file);
  const triggers = db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    .pluck()
    .all() as string[];
  for (const trigger of triggers) db.exec(`DROP TRIGGER "${trigger}"`);
  const { changes } = db
    .prepare(
      "UPDATE audit_events SET reason = 'nothing to see here' WHERE action = 'tenant.decommission_requested' OR sequence = 2",
    )
    .run();
  db.close();
  check(changes > 0, `edited ${changes} events in a copy of the registry`);
}

/** Verifies the trail online and offline, then shows that a tampered copy is found out. */
export async function verifyAudit(
  api: Api,
  dataDir: string,
  env: NodeJS.ProcessEnv,
): Promise<{ events: number; verified: boolean }> {
  step(
    "Verify the audit trail",
    "hash chains, one for each tenant and one for the fleet; then a tampered copy",
  );
  const online = await api.call<AuditVerification>("GET", "/audit/verification");
  const source = new Database(join(dataDir, "registry.sqlite"), { readonly: true });
  const copy = join(dataDir, "registry-copy.sqlite");
  const tampered = join(dataDir, "registry-tampered.sqlite");
  await source.backup(copy);
  await source.backup(tampered);
  source.close();
  const counter = new Database(copy, { readonly: true });
  const events = Number(counter.prepare("SELECT count(*) FROM audit_events").pluck().get());
  counter.close();
  const offline = verifyOffline(copy, env);
  check(online.verified, `the service verifies ${online.events} events in ${online.chains} chains`);
  check(
    offline.exitCode === 0 && offline.answer.events === events,
    `so does the offline command, on all ${events} events in the file`,
  );
  tamper(tampered);
  const found = verifyOffline(tampered, env);
  check(found.exitCode === 2, "the offline command finds the tampered copy");
  for (const broken of found.answer.breaks)
    line(`${broken.kind} in chain ${broken.chain}: ${broken.message}`);
  return { events, verified: online.verified && offline.answer.verified };
}
