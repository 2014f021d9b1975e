import { expect, it } from "vitest";
import { mostAtOnce, tolerated } from "./rules.ts";
import { createDraw } from "./scripts.ts";
import { createWorld, type TargetPlan } from "./world.ts";

const TENANTS = 10_000;
const WAVES = [1, 1_000, 5_000, 3_999];

/**
 * Ten thousand tenants through a canary, a tenth, half and the rest, with one in a hundred failing, in virtual time. What it took
 * is printed and not held against anything: it is seconds, as nothing grows with the square of the fleet.
 */
it("rolls 10,000 tenants through four waves in virtual time", { timeout: 600_000 }, () => {
  const draw = createDraw(7);
  const targets = WAVES.flatMap((size, index) => Array.from({ length: size }, () => target(index + 1, draw)));
  let decisions = 0;
  let most = 0;
  const settings = {
    ...({ maxConcurrency: "5%", failureTolerance: "3%", concurrencyMode: "soft", approval: false } as const),
    bakeMs: 600_000,
  };
  const world = createWorld(
    {
      rollout: { onExceeded: "halt", stuckAfterMs: 3_600_000, emergency: false },
      waves: WAVES.map(() => settings),
      targets,
      lookLagMs: 5_000,
    },
    ({ view }) => {
      decisions += 1;
      most = Math.max(most, view("open").filter(({ status }) => status === "running").length);
    },
    5_000,
  );
  const began = process.cpuUsage();
  world.drive();
  while (world.step());
  const { user, system } = process.cpuUsage(began);
  const seconds = (user + system) / 1_000_000;

  expect(world.rollout.status).toBe("succeeded");
  const statuses = Map.groupBy(world.targets.values(), ({ view }) => view.status);
  const of = (status: "succeeded" | "unchanged" | "failed") => statuses.get(status)?.length ?? 0;
  expect(of("succeeded") + of("unchanged") + of("failed")).toBe(TENANTS);
  expect(of("failed")).toBeGreaterThan(50);
  for (const wave of world.rollout.waves) {
    const failed = statuses.get("failed")?.filter(({ view }) => view.wave === wave.wave).length ?? 0;
    expect(failed).toBeLessThanOrEqual(tolerated(wave));
  }
  expect(most).toBe(Math.max(...world.rollout.waves.map(mostAtOnce)));
  const hours = (world.now / 3_600_000).toFixed(1);
  const counts = `${of("succeeded")} succeeded, ${of("unchanged")} unchanged, ${of("failed")} failed`;
  console.log(
    `${TENANTS} tenants: ${hours} h of virtual time and ${decisions} decisions in ${seconds.toFixed(1)} s of CPU; ${counts}.`,
  );
});

/** Half a minute to two and a half minutes each; the canary holds. */
function target(wave: number, draw: (below: number) => number): TargetPlan {
  const fails = wave > 1 && draw(100) === 0;
  const outcome = fails ? "failed" : draw(20) === 0 ? "unchanged" : "changed";
  const durationMs = outcome === "unchanged" ? 200 : 30_000 + draw(120_000);
  const isIll = wave > 1 && draw(500) === 0;
  return {
    wave,
    fates: [{ durationMs, outcome, ...(isIll ? { unhealthyAfterMs: 1 + draw(600_000) } : {}) }],
    rollback: { durationMs, outcome: "changed" },
  };
}
