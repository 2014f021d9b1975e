import { parseArgs } from "node:util";
import { readArguments } from "./program.ts";

export interface Options {
  readonly seed: number;
  readonly kills: number;
  /** Lives that are led at the same time. */
  readonly tenants: number;
  /** Over which the kills are spread; settling comes on top. */
  readonly minutes: number;
  readonly database: "sqlite" | "postgres";
  readonly replicas: number;
  /** The data folder, which then stays in any case. */
  readonly keep: string | undefined;
}

const usage = `Usage: script/chaos [--seed S] [--kills N] [--tenants T] [--minutes M] [--database sqlite|postgres]
                    [--replicas R] [--keep DIR]

  --seed S       decides lives, kinds of kills and their order (1)
  --kills N      how many processes, hosts or databases are killed (20)
  --tenants T    lives led at the same time (4)
  --minutes M    over which the kills are spread (3)
  --database D   sqlite: one service; postgres: any number of them (sqlite)
  --replicas R   services, each on a host of its own; postgres only (2)
  --keep DIR     leave everything in DIR
`;

/** Of the process's arguments. */
export function readOptions(): Options {
  return readArguments(usage, parse);
}

function parse(args: string[]): Options | undefined {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      ...{
        seed: text,
        kills: text,
        tenants: text,
        minutes: text,
        database: text,
        replicas: text,
        keep: text,
      },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return void process.stdout.write(usage);
  const database = values.database ?? "sqlite";
  if (database !== "sqlite" && database !== "postgres")
    throw new Error(`--database must be sqlite or postgres, got ${database}`);
  if (database === "sqlite" && values.replicas !== undefined && values.replicas !== "1")
    throw new Error("--replicas needs --database postgres: SQLite takes one service");
  return {
    seed: number("--seed", values.seed ?? "1", 0, 2 ** 31),
    kills: number("--kills", values.kills ?? "20", 1, 10_000),
    tenants: number("--tenants", values.tenants ?? "4", 1, 100),
    minutes: number("--minutes", values.minutes ?? "3", 0.1, 24 * 60),
    replicas: database === "sqlite" ? 1 : number("--replicas", values.replicas ?? "2", 1, 8),
    database,
    keep: values.keep,
  };
}

function number(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= least && value <= most) return value;
  throw new Error(`${flag} must be a number from ${least} to ${most}, got "${text}"`);
}
