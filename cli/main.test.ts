import { expect, it } from "vitest";
import { run } from "./main.ts";

/** Nobody foresaw this failure: asking for the key throws. */
const env = {
  XDG_CONFIG_HOME: "/nonexistent",
  get TENANTRY_API_KEY(): string {
    throw new Error("odd \u001b]0;title\u0007 thing");
  },
};

async function failing(args: readonly string[]): Promise<{ code: number; err: string }> {
  const said: string[] = [];
  const terminal = { stdinIsTerminal: false, stdoutIsTerminal: false, stderrIsTerminal: false };
  const screen = { columns: 80, rows: 24, colour: false, out: () => undefined };
  const code = await run(args, { env, ...terminal, ...screen, err: (text) => void said.push(text) });
  return { code, err: said.join("") };
}

it("tells a failure that nobody foresaw as one JSON object too, and harmlessly", async () => {
  const detail = "Cannot go on: odd  thing";
  expect(await failing(["tenant", "list"])).toEqual({ code: 1, err: `${detail}\n` });
  const { code, err } = await failing(["tenant", "list", "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(err)).toEqual({ detail, exitCode: 1 });
});
