import type { Operation, OperationAccepted } from "../../contract/operation.ts";
import { type ApiOperation, namedSchema, resolved, schemaName } from "../api/description.ts";
import { type Input, isOn, type Session, text } from "../commands/spec.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { detailText } from "./detail.ts";
import { tableText } from "./table.ts";
import { plainColumns, VIEWS } from "./views.ts";

/** Shows what the service answered, and follows what it began when that was asked for. */
export async function answered(
  operation: ApiOperation,
  body: unknown,
  input: Input,
  session: Session,
): Promise<ExitCode> {
  const begun = operation.isMutation ? begunBy(operation.answer, body) : undefined;
  if (begun !== undefined && (isOn(input, "wait") || isOn(input, "watch"))) {
    const { followOperations } = await import("../follow/operations.ts");
    const watch = isOn(input, "watch");
    return followOperations(session, begun, { watch, timeout: text(input, "timeout") });
  }
  show(session, operation.answer, body);
  if (begun !== undefined && !session.json) tellHowToFollow(session, begun);
  return EXIT.done;
}

function begunBy(answer: string | undefined, body: unknown): readonly Operation[] | undefined {
  if (answer === "OperationsAccepted") return (body as OperationAccepted).operations;
  return answer === "Operation" ? [body as Operation] : undefined;
}

function tellHowToFollow({ io }: Session, operations: readonly Operation[]): void {
  const [first] = operations;
  if (first === undefined) io.err("There was nothing to do.\n");
  else
    io.err(
      `Follow it: tenantry operation watch ${operations.map(({ operationId }) => operationId).join(" ")}\n`,
    );
}

export function show({ io, json }: Session, answer: string | undefined, body: unknown): void {
  const list = json ? undefined : listOf(answer, body);
  if (json) io.out(`${JSON.stringify(body)}\n`);
  else if (list === undefined) io.out(detailText(io, body));
  else if (list.rows.length === 0) io.err("None.\n");
  else io.out(tableText(io, VIEWS[list.schema ?? ""] ?? plainColumns(list.rows), list.rows));
  if (list !== undefined && list.nextCursor !== null)
    io.err(`There is more: --all, or --cursor ${list.nextCursor}\n`);
}

interface List {
  readonly rows: readonly unknown[];
  readonly schema: string | undefined;
  readonly nextCursor: string | null;
}

/** Of a page of items, or of the operations of an accepted request. */
function listOf(answer: string | undefined, body: unknown): List | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  if (answer === "OperationsAccepted")
    return { rows: (body as OperationAccepted).operations, schema: "Operation", nextCursor: null };
  const { items, nextCursor = null } = body as { items?: unknown; nextCursor?: string | null };
  if (!Array.isArray(items)) return undefined;
  const schema = resolved(namedSchema(answer ?? "") ?? {}).properties?.items?.items;
  return { rows: items, schema: schema && schemaName(schema), nextCursor };
}
