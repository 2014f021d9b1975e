/** The fixtures of stacks/, where unit tests may import them too. */
export { planeOutputs, type SpecChoices, TENANT_ID, tenantSpec } from "../../stacks/testing/tenantSpec.ts";
