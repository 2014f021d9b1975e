import { expect, test } from "vitest";
import { resourceTypes } from "../../emulator/aws/index.ts";
import { inMemoryAccount } from "../../emulator/aws/testAccount.ts";
import { judge } from "../../emulator/oracle/compare.ts";
import { runScript } from "../../emulator/oracle/observed.ts";
import { SCHEMA_DIFFERENCES } from "../../emulator/oracle/schemaDifferences.ts";
import {
  nameLengthDifferences,
  type PublishedSchema,
  replacementDifferences,
  SCHEMAS,
} from "../../emulator/oracle/schemas.ts";
import { sdkShape } from "../../emulator/oracle/sdk.ts";
import { ensureMoto } from "../../toolchain/moto.ts";

const moto = await ensureMoto();

test("types replace, and limit names, as AWS's schemas say", async (testContext) => {
  if ("unavailable" in moto) return testContext.skip(moto.unavailable);
  const types = Object.values(SCHEMAS).map(({ schema }) => schema);
  const answer = await runScript(moto.python, "schemas.py", { region: "eu-west-1", types });
  const published = answer as Readonly<Record<string, PublishedSchema>>;
  expect(types.filter((name) => published[name] === undefined)).toEqual([]);
  const { context } = inMemoryAccount();
  const found = resourceTypes.flatMap((type) => {
    const schema = published[SCHEMAS[type.token]?.schema ?? ""];
    if (schema === undefined) return [];
    return [
      ...replacementDifferences(type, schema, sdkShape(type.token)),
      ...nameLengthDifferences(type, schema, context),
    ];
  });
  expect(judge(found, SCHEMA_DIFFERENCES)).toEqual({ unlisted: [], gone: [] });
});

test("the table names no type that is not emulated", () => {
  const tokens = new Set(resourceTypes.map(({ token }) => token));
  expect(Object.keys(SCHEMAS).filter((token) => !tokens.has(token))).toEqual([]);
});
