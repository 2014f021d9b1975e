import type { OperationId } from "../../contract/routes.ts";
import { type ApiOperation, apiOperation } from "../api/description.ts";
import { typedSlug } from "./confirm.ts";
import { type Field, fieldsOf } from "./fields.ts";
import { readBody } from "./files.ts";
import { type ApiRequest, buildRequest } from "./request.ts";
import { type ArgumentSpec, type Input, OPTIONS, type OptionSpec, type Session, text } from "./spec.ts";
import { tenantIds } from "./tenantIds.ts";

/** One route's part in a command: its arguments and options, and the request made of them. */
export interface ApiRequestMaker {
  readonly operation: ApiOperation;
  readonly fields: readonly Field[];
  /** `base` is the body that a hand-written command made; a file and options come on top of it. */
  request(input: Input, session: Session, base?: object): Promise<ApiRequest>;
}

export function requestMakerOf(id: OperationId): ApiRequestMaker {
  return requestMaker(apiOperation(id));
}

export function requestMaker(operation: ApiOperation): ApiRequestMaker {
  const fields = fieldsOf(operation);
  return {
    operation,
    fields,
    async request(input, session, base) {
      const file = text(input, "file");
      const read = file === undefined ? undefined : await readBody(file);
      const body = base === undefined ? read : { ...base, ...(read as object | undefined) };
      const typed = await typedSlug(operation, { ...input.options, ...input.args }, session);
      return buildRequest(operation, fields, await tenantIds(fields, typed, session), body);
    },
  };
}

export function apiArguments({ fields }: ApiRequestMaker): ArgumentSpec[] {
  return fields
    .filter((field) => field.in === "path")
    .map(({ option, tenant, description }) => ({
      name: option,
      required: true,
      description: tenant ? "slug or id" : description,
    }));
}

export function apiOptions({ operation, fields }: ApiRequestMaker): OptionSpec[] {
  return [
    ...fields.filter((field) => field.in !== "path").map(optionOf),
    ...(operation.body === undefined ? [] : [OPTIONS.file]),
    ...(operation.isMutation ? [OPTIONS.idempotencyKey] : []),
  ];
}

function optionOf(field: Field): OptionSpec {
  const { option, kind, description, required, fallback, tenant } = field;
  const many = kind.kind === "list" || kind.kind === "map";
  const item = kind.kind === "list" ? kind.of : kind;
  const notes = [
    ...(required ? ["required"] : []),
    ...(many ? ["may be repeated"] : []),
    ...((typeof fallback === "string" && fallback !== "") || typeof fallback === "number"
      ? [`default ${fallback}`]
      : []),
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
