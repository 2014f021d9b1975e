/**
 * script/matrix: every step of every operation, on the real engine, the local cloud and a PostgreSQL: a failure before and after its effect,
 * for good and twice in a row, the service's death there, twice in a row, the same of each undoing, and each operation with all
 * steps done twice; and after each the count of what is left, in the registry, in Pulumi's state, in the cloud and in the tenant's data.
 *
 * Where chaos kills at any moment and counts at the end, here each case has one place and its own verdict: the end must be the one
 * that the same operation has when nothing interferes, or the state of before, to the property. One world serves all cases, one after the
 * other, and each leaves its tenant where the next begins. Standard output has one line of JSON, standard error what happens; exit code
 * 0 says that all is clean. When it is not, the data folder stays, and is named.
 */
import type { Ledger } from "../ledger.ts";
import { runInFolder } from "../program.ts";
import { createRandom } from "../random.ts";
import { nameOf } from "./cases.ts";
import { drawCases, planCourse, type Turn } from "./course.ts";
import { type MatrixOptions, readMatrixOptions } from "./options.ts";
import { createTenant, type TenantInTrial } from "./tenant.ts";
import { attempt, type References } from "./trial.ts";
import { judgeWhole } from "./whole.ts";
import { openMatrixWorld } from "./world.ts";

async function run(options: MatrixOptions, dataDir: string, ledger: Ledger): Promise<boolean> {
  const cases = drawCases(createRandom(options.seed), options.cases, options.kinds);
  const world = await openMatrixWorld(dataDir, ledger);
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => void world.stop().finally(() => process.exit(1)));
  try {
    const tenants: TenantInTrial[] = [];
    const course = planCourse(cases);
    const references: References = new Map();
    let tenant: TenantInTrial | undefined;
    let [done, failed] = [0, 0];
    for (let turn = course.next("draft"); turn !== undefined; turn = course.next(tenant?.status ?? "draft")) {
      if (tenant === undefined) {
        tenant = await createTenant(world, `matrix-${tenants.length + 1}`);
        tenants.push(tenant);
      }
      if (turn.case !== undefined) done += 1;
      const startedAtMs = Date.now();
      const wrong = await attempt(world, references, tenant, turn).catch((thrown: unknown) => [
        String(thrown),
      ]);
      tell(ledger, turn, `${done} of ${cases.length}`, Date.now() - startedAtMs, wrong);
      failed += wrong.length === 0 ? 0 : 1;
      // Where one stands that went wrong is unknown, so the next operation is another's.
      if (wrong.length > 0 || tenant.status === "deleted") tenant = undefined;
    }
    const whole = await judgeWhole(world, tenants, ledger);
    const invariants = ledger.violations.length === 0 ? "ok" : ledger.violations;
    const figures = { cases: cases.length, failed, crashes: world.restarts(), ...whole, invariants };
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    return failed + whole.orphans + whole.stuck === 0 && whole.auditVerified && invariants === "ok";
  } finally {
    await world.stop();
  }
}

function tell(ledger: Ledger, turn: Turn, place: string, tookMs: number, wrong: readonly string[]): void {
  const name = turn.case === undefined ? `${turn.kind}, with nothing in its way` : nameOf(turn.case);
  const seconds = `${(tookMs / 1_000).toFixed(1)} s`;
  ledger.say(
    `${turn.case === undefined ? "     " : place}  ${name}: ${wrong.length === 0 ? "ok" : "WRONG"} (${seconds})`,
  );
  for (const what of wrong) process.stderr.write(`    ${what}\n`);
}

const options = readMatrixOptions();
await runInFolder("matrix", options.keep, (dataDir, ledger) => run(options, dataDir, ledger));
