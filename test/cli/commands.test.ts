import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createRelease,
  createTenant,
  plane,
  run,
  startTestService,
  type TestService,
} from "../service/harness.ts";
import { commandOf, type Ended, type RunOptions } from "./tenantry.ts";

let service: TestService;
let cli: (args: readonly string[], options?: RunOptions) => Promise<Ended>;

beforeAll(async () => {
  service = await startTestService();
  cli = commandOf(service);
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

describe("tenantry against a service", () => {
  it("shows", async () => {
    for (const args of [
      [
        "tenant",
        "create",
        "--slug",
        "acme",
        "--display-name",
        "Acme Ltd",
        "--plan",
        "starter",
        "--plane",
        plane,
        "--label",
        "tier=gold",
      ],
      ["tenant", "list"],
      ["tenant", "get", "acme"],
      ["tenant", "get", "acme", "--json"],
      ["tenant", "activate", "acme", "--wait"],
      ["tenant", "deploy", "acme", "--force", "--watch"],
      ["tenant", "deploy", "acme", "--force", "--watch", "--json"],
      ["tenant", "deploy", "acme", "--force"],
      ["tenant", "suspend", "acme"],
      ["tenant", "status"],
      ["tenant", "lst"],
      ["tenat", "lst"],
      ["tenant", "create", "--slug", "acme", "--display-name", "Acme Ltd", "--plan", "startr"],
      ["tenant", "create", "--slug", "acme", "--display-name", "Acme Ltd", "--plan", "starter"],
      ["operation", "list", "--json"],
      ["operation", "list"],
      ["release", "list"],
      ["audit", "list", "--limit", "3"],
      ["drift", "scan"],
      ["rollout", "list"],
      ["rollout", "create", "--help"],
      ["plane", "list"],
      ["service", "readiness"],
    ]) {
      const { code, out, err } = await cli(args);
      console.log(
        `$ tenantry ${args.join(" ")}   → ${code}\n${out.slice(0, 3000)}${err === "" ? "" : `[err] ${err}`}`,
      );
    }
    expect(1).toBe(1);
  });
});
