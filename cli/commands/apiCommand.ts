import type { Page } from "../../contract/common.ts";
import type { ApiOperation } from "../api/description.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { answered } from "../show/answer.ts";
import { confirm, typedSlug } from "./confirm.ts";
import { CONFIRMED } from "./confirmed.ts";
import { type Field, fieldsOf } from "./fields.ts";
import { readBody } from "./files.ts";
import { buildRequest, type Typed } from "./request.ts";
import {
  type ArgumentSpec,
  type CommandSpec,
  type Input,
  isOn,
  OPTIONS,
  type OptionSpec,
  type Session,
  text,
} from "./spec.ts";
import { tenantIds } from "./tenantIds.ts";

/** The answers that something goes on behind. */
const FOLLOWED = new Set(["OperationsAccepted", "Operation", "DriftScan"]);
const MOST_PAGES = 10_000;
const PAGE_ITEMS = "200";

/** The command of one route of the API. */
export function apiCommand(operation: ApiOperation, [noun, verb]: readonly [string, string]): CommandSpec {
  const fields = fieldsOf(operation);
  return {
    noun,
    verb,
    summary: operation.summary,
    description: operation.description,
    args: fields.filter((field) => field.in === "path").map(argumentOf),
    options: optionsOf(operation, fields),
    run: (input, session) => run(operation, fields, input, session),
  };
}

function argumentOf({ option, tenant, description }: Field): ArgumentSpec {
  return {
    name: option,
    required: true,
    description: tenant ? "slug or id" : description,
  };
}

function optionsOf(operation: ApiOperation, fields: readonly Field[]): OptionSpec[] {
  const own = fields.filter((field) => field.in !== "path").map(optionOf);
  const isList = fields.some(({ at }) => at[0] === "cursor");
  const goesOn = operation.isMutation && FOLLOWED.has(operation.answer ?? "");
  return [
    ...own,
    ...(operation.body === undefined ? [] : [OPTIONS.file]),
    ...(isList ? [OPTIONS.all] : []),
    ...(goesOn ? [OPTIONS.wait, OPTIONS.watch, OPTIONS.timeout] : []),
    ...(operation.isMutation ? [OPTIONS.idempotencyKey] : []),
    ...(operation.id in CONFIRMED ? [OPTIONS.yes] : []),
  ];
}

function optionOf(field: Field): OptionSpec {
  const { option, kind, description, required, fallback, tenant } = field;
  const many = kind.kind === "list" || kind.kind === "map";
  const item = kind.kind === "list" ? kind.of : kind;
  const notes = [
    ...(required ? ["required"] : []),
    ...(many ? ["may be repeated"] : []),
    ...(typeof fallback === "string" || typeof fallback === "number" ? [`default ${fallback}`] : []),
  ];
  const said = [tenant ? "slug or id" : "", description].filter(Boolean).join("; ");
  return {
    name: option,
    ...(kind.kind === "flag" ? {} : { value: valueName(field) }),
    ...(many ? { many } : {}),
    ...(item.kind === "choice" ? { choices: item.values } : {}),
    description: [said, ...(notes.length === 0 ? [] : [`(${notes.join(", ")})`])].filter(Boolean).join(" "),
  };
}

function valueName({ kind, tenant }: Field): string {
  if (tenant) return "tenant";
  const item = kind.kind === "list" ? kind.of : kind;
  if (item.kind === "integer" || item.kind === "number") return "n";
  return {
    map: "name=value",
    json: "json",
    choice: "word",
    list: "value",
    flag: "",
    text: "value",
    amount: "n|n%",
  }[item.kind];
}

async function run(
  operation: ApiOperation,
  fields: readonly Field[],
  input: Input,
  session: Session,
): Promise<ExitCode> {
  const file = text(input, "file");
  const body = file === undefined ? undefined : await readBody(file);
  const typed: Typed = await typedSlug(operation, { ...input.options, ...input.args }, session);
  const request = buildRequest(operation, fields, await tenantIds(fields, typed, session), body);
  await confirm(CONFIRMED[operation.id]?.(typed), isOn(input, "yes"), session.io);
  const client = session.client();
  const call = { ...request, idempotencyKey: text(input, "idempotency-key") };
  if (isOn(input, "all")) {
    const items: unknown[] = [];
    let cursor: string | null = null;
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const query: Record<string, string> = {
        limit: PAGE_ITEMS,
        ...request.query,
        ...(cursor === null ? {} : { cursor }),
      };
      const { body: page } = await client.call<Page<unknown>>({ ...request, query });
      items.push(...page.items);
      cursor = page.nextCursor;
      if (cursor === null) break;
    }
    return answered(operation, { items, nextCursor: cursor }, input, session);
  }
  const answer = await client.call<unknown>(call);
  if (answer.body === undefined) {
    session.io.out(answer.text === "" || answer.text.endsWith("\n") ? answer.text : `${answer.text}\n`);
    return EXIT.done;
  }
  return answered(operation, answer.body, input, session);
}
