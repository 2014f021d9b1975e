import { expect, test } from "vitest";
import { resourceTypes } from "../../emulator/aws/index.ts";
import {
  ALL_SERVICES,
  DOCUMENTED_CODES,
  type PublishedApis,
  undeclaredCodes,
  unknownCodes,
  unknownOperations,
  usedCodes,
} from "../../emulator/oracle/codes.ts";
import { runScript } from "../../emulator/oracle/observed.ts";
import { UNDECLARED_ERRORS } from "../../emulator/undeclaredErrors.ts";
import { ensureMoto } from "../../toolchain/moto.ts";

/** Fewer would mean that the sources are written in a way the search no longer sees. */
const LEAST_CODES = 100;

test("error codes, services and operations are AWS's own", async (context) => {
  const moto = await ensureMoto();
  if ("unavailable" in moto) {
    process.stderr.write(`The check of error codes is skipped: ${moto.unavailable}\n`);
    return context.skip(moto.unavailable);
  }
  const apis = (await runScript(moto.python, "codes.py", { services: ALL_SERVICES })) as PublishedApis;
  const used = usedCodes();

  expect(used.length).toBeGreaterThan(LEAST_CODES);
  expect(unknownCodes(used, apis)).toEqual(Object.keys(DOCUMENTED_CODES));
  expect(unknownOperations(resourceTypes, apis)).toEqual([]);
  expect(undeclaredCodes(resourceTypes, used, apis)).toEqual(UNDECLARED_ERRORS);
});
