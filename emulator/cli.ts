/** `node emulator/cli.ts --data DIR <command>`: the control API by hand. Prints tables, or JSON with --json. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";

interface Resource {
  readonly type: string;
  readonly id: string;
  readonly region: string;
  readonly name: string;
  readonly state: string;
  readonly properties: unknown;
}

const program = new Command("script/cloud")
  .description("Looks into the local cloud and breaks it on purpose.")
  .requiredOption("--data <folder>", "data folder of the local cloud")
  .option("--json", "print JSON");

function controlUrl(): string {
  const { data } = program.opts<{ data: string }>();
  const file = join(data, "emulator.json");
  try {
    return JSON.parse(readFileSync(file, "utf8")).controlUrl;
  } catch {
    throw new Error(`Cannot find a running local cloud: ${file} must be there. Is ${data} the right folder?`);
  }
}

async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const url = controlUrl();
  const sent = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const response = await fetch(`${url}${path}`, sent).catch((cause: unknown) => {
    const hint =
      "It has ended without saying so; whatever needs it next (script/pulumi, script/server) starts it again.";
    throw new Error(`Cannot reach the local cloud at ${url}. ${hint}`, { cause });
  });
  const text = await response.text();
  const answer = text === "" ? undefined : JSON.parse(text);
  if (!response.ok) throw new Error(answer?.detail ?? `The local cloud answered ${response.status}.`);
  return answer as T;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

function table(rows: readonly Readonly<Record<string, unknown>>[]): void {
  if (program.opts<{ json?: boolean }>().json === true) {
    print(rows);
    return;
  }
  const [first] = rows;
  if (first === undefined) {
    process.stdout.write("none\n");
    return;
  }
  const columns = Object.keys(first);
  const cell = (row: Readonly<Record<string, unknown>>, column: string) => String(row[column] ?? "");
  const width = (column: string) => Math.max(column.length, ...rows.map((row) => cell(row, column).length));
  const widths = columns.map(width);
  const line = (cells: readonly string[]) =>
    `${cells
      .map((text, index) => text.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd()}\n`;
  process.stdout.write(line(columns));
  for (const row of rows) process.stdout.write(line(columns.map((column) => cell(row, column))));
}

function keyValue(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at <= 0) throw new InvalidArgumentError("must be key=value");
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Answered below, with what was wrong.
  }
  throw new InvalidArgumentError("must be a JSON object");
}

function onePath(type: string, id: string, region: string | undefined): string {
  return `/v1/resources/one?${new URLSearchParams({ type, id, ...(region === undefined ? {} : { region }) })}`;
}

interface RegionOption {
  readonly region?: string;
}

program
  .command("status")
  .description("process, account and number of objects")
  .action(async () => print(await request("GET", "/v1/status")));

program
  .command("list")
  .description("objects of the account")
  .option("--type <token>", "such as aws:ecs/service:Service")
  .option("--region <region>", "one region")
  .option("--tag <key=value>", "may be repeated", keyValue)
  .action(async (options: RegionOption & { type?: string; tag?: Record<string, string> }) => {
    const query = new URLSearchParams({ limit: "10000" });
    if (options.type !== undefined) query.set("type", options.type);
    if (options.region !== undefined) query.set("region", options.region);
    for (const [key, value] of Object.entries(options.tag ?? {})) query.set(`tag.${key}`, value);
    const { resources } = await request<{ resources: Resource[] }>("GET", `/v1/resources?${query}`);
    table(resources.map(({ type, name, id, region, state }) => ({ type, name, id, region, state })));
  });

program
  .command("show <type> <id>")
  .description("one object with its properties; id may be an ARN or a name")
  .option("--region <region>")
  .action(async (type: string, id: string, options: RegionOption) =>
    print(await request("GET", onePath(type, id, options.region))),
  );

program
  .command("change <type> <id> <properties>")
  .description("change properties behind Pulumi's back; JSON, null removes")
  .option("--region <region>")
  .action(async (type: string, id: string, properties: string, options: RegionOption) =>
    print(await request("PATCH", onePath(type, id, options.region), { properties: jsonObject(properties) })),
  );

program
  .command("delete <type> <id>")
  .description("delete behind Pulumi's back")
  .option("--region <region>")
  .action((type: string, id: string, options: RegionOption) =>
    request("DELETE", onePath(type, id, options.region)),
  );

program
  .command("fault <type>")
  .description('break the next calls of a type ("*" for all)')
  .addOption(new Option("--kind <kind>").choices(["fail", "latency", "hang"]).default("fail"))
  .addOption(
    new Option("--operation <operation>")
      .choices(["create", "read", "update", "delete", "invoke", "*"])
      .default("*"),
  )
  .addOption(
    new Option("--when <when>", "before or after the effect").choices(["before", "after"]).default("before"),
  )
  .option("--count <n>", "how many calls", Number, 1)
  .option("--code <code>", "AWS error code")
  .option("--message <message>")
  .option("--latency-ms <ms>", "for kind latency", Number)
  .action(async (type: string, options: Record<string, unknown>) =>
    print(await request("POST", "/v1/faults", { type, ...options })),
  );

program
  .command("faults")
  .description("what is armed")
  .option("--clear", "remove all")
  .action(async (options: { clear?: boolean }) => {
    if (options.clear === true) await request("DELETE", "/v1/faults");
    table((await request<{ faults: Record<string, unknown>[] }>("GET", "/v1/faults")).faults);
  });

program
  .command("release <faultId>")
  .description("let the calls that hang in a fault go on")
  .action((faultId: string) => request("POST", `/v1/faults/${encodeURIComponent(faultId)}/release`, {}));

program
  .command("profile [changes]")
  .description("show how the cloud behaves in time, or change it with a JSON object")
  .action(async (changes: string | undefined) => {
    const current = await request<Record<string, unknown>>("GET", "/v1/profile");
    if (changes === undefined) return print(current);
    print(await request("PUT", "/v1/profile", { ...current, ...jsonObject(changes) }));
  });

program
  .command("services")
  .description("ECS services and how they do")
  .action(async () => {
    const { services } = await request<{ services: Record<string, unknown>[] }>("GET", "/v1/ecs/services");
    const columns = [
      "name",
      "cluster",
      "region",
      "desiredCount",
      "runningCount",
      "pendingCount",
      "rolloutState",
      "healthy",
    ];
    const cell = (service: Record<string, unknown>, column: string) =>
      column === "cluster" ? lastPart(service.cluster) : service[column];
    table(
      services.map((service) => Object.fromEntries(columns.map((column) => [column, cell(service, column)]))),
    );
  });

/** The name at the end of an ARN. */
function lastPart(arn: unknown): string {
  return String(arn).split("/").at(-1) ?? "";
}

program
  .command("unhealthy <service>")
  .description("make an ECS service fail its health checks; ARN or name")
  .option("--reason <reason>")
  .action((arn: string, options: { reason?: string }) =>
    request("POST", "/v1/ecs/services/health", { arn, healthy: false, ...options }),
  );

program
  .command("healthy <service>")
  .description("let it recover")
  .action((arn: string) => request("POST", "/v1/ecs/services/health", { arn, healthy: true }));

program
  .command("stop")
  .description("end the process; the account stays")
  .action(() => request("POST", "/v1/shutdown", {}));

// `| head` closes the pipe early; that is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
