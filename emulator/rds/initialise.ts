import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Binaries } from "./binaries.ts";
import type { RunAs } from "./runAs.ts";

export interface Initial {
  readonly username: string;
  readonly password: string;
  readonly databaseName: string | undefined;
}

/** As RDS names its own superuser, to whom it gives nobody the password. Here it cannot log in at all. */
const SUPERUSER = "rdsadmin";

const ACCESS = `host all ${SUPERUSER} all reject
host all all 127.0.0.1/32 scram-sha-256
`;

/**
 * Makes the data folder of a new cluster, whole or not at all: roles and databases as RDS leaves them. The master user
 * is no superuser; it may make roles and databases and watch over what others run.
 */
export async function initialise(
  folder: string,
  binaries: Binaries,
  as: RunAs | undefined,
  initial: Initial,
): Promise<void> {
  const data = join(folder, "data");
  if (existsSync(data)) return;
  const draft = join(folder, "data.new");
  rmSync(draft, { recursive: true, force: true });
  makeOwn(draft, as);
  const flags = ["--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C", "--auth=trust"];
  await run(binaries.initdb, ["-D", draft, "-U", SUPERUSER, ...flags], as, "");
  writeFileSync(join(draft, "pg_hba.conf"), ACCESS);
  await run(binaries.postgres, ["--single", "-j", "-D", draft, "postgres"], as, statements(initial));
  renameSync(draft, data);
}

/** In the single-user mode a statement ends with a semicolon and an empty line. */
function statements({ username, password, databaseName }: Initial): string {
  const master = identifier(username);
  return [
    "CREATE ROLE rds_superuser NOLOGIN",
    "GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser WITH ADMIN OPTION",
    `CREATE ROLE ${master} LOGIN CREATEDB CREATEROLE PASSWORD ${literal(password)}`,
    `GRANT rds_superuser TO ${master}`,
    `ALTER DATABASE postgres OWNER TO ${master}`,
    ...(databaseName === undefined ? [] : [`CREATE DATABASE ${identifier(databaseName)} OWNER ${master}`]),
  ]
    .map((statement) => `${statement};\n\n`)
    .join("");
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function makeOwn(folder: string, as: RunAs | undefined): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (as !== undefined) chownSync(folder, as.uid, as.gid);
}

function run(program: string, args: readonly string[], as: RunAs | undefined, input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...as, stdio: ["pipe", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-2_000);
    });
    child.stdin.on("error", () => undefined).end(input);
    child.once("error", reject);
    child.once("close", (code) => {
      // The single-user mode ends well whatever its statements did; it says ERROR where one failed.
      if (code === 0 && !/\b(ERROR|FATAL|PANIC):/.test(said)) return resolve();
      // What it said may quote a statement, and one of them holds a password.
      const words = said.split("\n").filter((line) => !line.includes("STATEMENT"));
      reject(new Error(`Cannot make a PostgreSQL cluster: exit code ${code}: ${words.join(" ").trim()}`));
    });
  });
}
