import { describe, expect, test } from "vitest";
import { cases } from "../../emulator/oracle/cases.ts";
import { findDifferences, judge } from "../../emulator/oracle/compare.ts";
import { differences } from "../../emulator/oracle/differences.ts";
import { runOnLocalCloud } from "../../emulator/oracle/emulated.ts";
import { runOnMoto } from "../../emulator/oracle/observed.ts";
import { ensureMoto } from "../../toolchain/moto.ts";

/** Of all steps; far more than a few are refused by both sides, so that agreement means something. */
const LEAST_SHARED_REFUSALS = 60;

describe("the local cloud beside moto", () => {
  test("differs only where differences.ts says why", async (context) => {
    const moto = await ensureMoto();
    if ("unavailable" in moto) {
      process.stderr.write(`The comparison with moto is skipped: ${moto.unavailable}\n`);
      return context.skip(moto.unavailable);
    }
    const ours = runOnLocalCloud(cases);
    const theirs = await runOnMoto(moto.python, cases);
    const verdict = judge(findDifferences(cases, ours, theirs), differences);

    expect(verdict.unlisted, "differences that nobody explained").toEqual([]);
    expect(verdict.gone, "listed differences that are no longer so").toEqual([]);
    const shared = [...ours].filter(([key, outcome]) => {
      const other = theirs.get(key);
      return "error" in outcome && other !== undefined && "error" in other && other.error === outcome.error;
    });
    expect(shared.length).toBeGreaterThan(LEAST_SHARED_REFUSALS);
  });

  test("lists each difference once, with a reason", () => {
    const places = differences.map((difference) => difference.at);
    expect(new Set(places).size).toBe(places.length);
    for (const { at, reason } of differences) expect(reason.length, at).toBeGreaterThan(20);
  });
});
