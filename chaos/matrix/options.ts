import { parseArgs } from "node:util";
import type { OperationKind } from "../../contract/vocabulary.ts";
import { sagas } from "../../service/operations/sagas.ts";
import { readArguments } from "../program.ts";

export interface MatrixOptions {
  readonly seed: number;
  /** How many of all cases; undefined for all. */
  readonly cases: number | undefined;
  readonly kinds: readonly OperationKind[];
  /** The data folder, which then stays in any case. */
  readonly keep: string | undefined;
}

const usage = `Usage: script/matrix [--seed S] [--cases N] [--kinds K,K] [--keep DIR]

  --seed S    decides the order, and which cases when there are fewer than all (1)
  --cases N   how many (all)
  --kinds K   of these operations only, such as tenant_archive,tenant_restore (all)
  --keep DIR  leave everything in DIR
`;

const KINDS = Object.keys(sagas) as OperationKind[];

/** Of the process's arguments. */
export function readMatrixOptions(): MatrixOptions {
  return readArguments(usage, parse);
}

function parse(args: string[]): MatrixOptions | undefined {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: { ...{ seed: text, cases: text, kinds: text, keep: text }, help: { type: "boolean" } },
  });
  if (values.help === true) return void process.stdout.write(usage);
  return {
    seed: whole("--seed", values.seed ?? "1", 0),
    cases: values.cases === undefined ? undefined : whole("--cases", values.cases, 1),
    kinds: values.kinds === undefined ? KINDS : values.kinds.split(",").map(kindOf),
    keep: values.keep,
  };
}

function kindOf(name: string): OperationKind {
  const found = KINDS.find((kind) => kind === name);
  if (found === undefined) throw new Error(`--kinds must be of ${KINDS.join(", ")}, got "${name}"`);
  return found;
}

function whole(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= 2 ** 31) return value;
  throw new Error(`${flag} must be a whole number from ${least} to ${2 ** 31}, got "${text}"`);
}
