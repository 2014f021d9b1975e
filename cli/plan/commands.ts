import type { PlanResult, PlanResults } from "../../contract/plan.ts";
import { argumentList, type CommandSpec, text } from "../commands/spec.ts";
import { EXIT } from "../exit.ts";
import { harmless } from "../io.ts";
import { APPLY_OPTIONS, applyQuery, documentsOf, PATHS } from "../manifest/files.ts";

/** A catalog of plans in files, sent as they are: the service reads and checks them. */
export const planCommands: readonly CommandSpec[] = [
  {
    noun: "plan",
    verb: "apply",
    summary:
      "Apply a catalog of plans; a plan that says something new gets its next version, no tenant changes",
    args: [PATHS],
    plainExit: true,
    options: APPLY_OPTIONS,
    async run(input, session) {
      const query = applyQuery(input);
      const documents = documentsOf(argumentList(input, "paths"));
      const { body } = await session.client().call<PlanResults>({
        ...{ method: "post", path: "/v1/control-plane/plans/apply", query, body: { documents } },
        idempotencyKey: text(input, "idempotency-key"),
      });
      session.io.out(session.json ? `${JSON.stringify(body)}\n` : planText(body));
      return EXIT.done;
    },
  },
];

const MARKS = { create: "+", version: "~", none: "=" } as const;
const DONE = { create: "created", version: "has a new version", none: "as it was" } as const;
const WOULD = { create: "would be created", version: "would get a new version", none: "as it is" } as const;

/** A line a plan, and one for each member that differs. */
export function planText({ dryRun, plans }: PlanResults): string {
  return plans
    .flatMap((plan) => planLines(plan, (dryRun ? WOULD : DONE)[plan.result]))
    .map((line) => `${harmless(line)}\n`)
    .join("");
}

function planLines({ plan, version, file, line, result, changes }: PlanResult, words: string): string[] {
  const fields = result === "version" ? changes : [];
  return [
    `${MARKS[result]} ${plan} ${version} (${file}:${line}) ${words}`,
    ...fields.map(({ path, from, to }) => `    ${path}: ${shown(from)} -> ${shown(to)}`),
  ];
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
