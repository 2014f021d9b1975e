import { expect, it } from "vitest";
import { SERVICE_NAMES as deployed } from "../../components/tenantServiceSet/services.ts";
import { SERVICE_NAMES } from "../../contract/vocabulary.ts";

it("the API and the stacks know the same services, though neither imports the other", () => {
  expect([...SERVICE_NAMES].sort()).toEqual([...deployed].sort());
});
