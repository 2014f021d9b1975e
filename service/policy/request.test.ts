import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { OPERATION_IDS } from "../../contract/routes.ts";
import { queryOf } from "../../test/support/policies.ts";
import { isOnTenant } from "./actions.ts";
import { requestProblems } from "./cedar.ts";
import { requestOf } from "./request.ts";
import { cedarSchema, schemaFile } from "./schema.ts";

it("makes requests that fit the schema, for every operation of the API", () => {
  const onTenants = OPERATION_IDS.map((action) => requestOf(queryOf(action, "auditor")));
  const ofFleet = OPERATION_IDS.filter((action) => !isOnTenant(action)).map((action) =>
    requestOf(queryOf(action, null, { tenant: null, facts: { release: 7 } })),
  );
  expect(requestProblems([...onTenants, ...ofFleet], cedarSchema())).toEqual([]);
});

it("is told apart from one that does not fit", () => {
  const request = requestOf(queryOf("tenantDeploy", "fleet_admin"));
  const other = { ...request, context: { ...request.context, colour: "red" } };
  expect(requestProblems([other], cedarSchema())[0]).toContain("`colour` should not exist");
});

it("declares every operation, and no operation twice", () => {
  const schema = cedarSchema();
  for (const id of OPERATION_IDS) expect(schema.split(`action "${id}" in`)).toHaveLength(2);
});

it("is written down for authors as it is: run npm run contract", () => {
  const file = new URL("../../policies/tenantry.cedarschema", import.meta.url);
  expect(readFileSync(file, "utf8")).toBe(schemaFile());
});
