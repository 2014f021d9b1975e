import type { Page } from "../../contract/common.ts";
import type { ApiOperation } from "../api/description.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { answered } from "../show/answer.ts";
import { type ApiRequestMaker, apiArguments, apiOptions, requestMaker } from "./apiRequest.ts";
import { confirm } from "./confirm.ts";
import { CONFIRMED } from "./confirmed.ts";
import type { ApiRequest } from "./request.ts";
import { type CommandSpec, type Input, isOn, OPTIONS, type OptionSpec, type Session, text } from "./spec.ts";

/** The answers that something goes on behind. */
const FOLLOWED = new Set(["OperationsAccepted", "Operation"]);
const MOST_PAGES = 10_000;
const PAGE_ITEMS = "200";

/** The command of one route of the API. */
export function apiCommand(operation: ApiOperation, [noun, verb]: readonly [string, string]): CommandSpec {
  const maker = requestMaker(operation);
  return {
    noun,
    verb,
    summary: operation.summary,
    description: operation.description,
    args: apiArguments(maker),
    options: [...apiOptions(maker), ...sharedOptions(maker)],
    run: (input, session) => run(maker, input, session),
  };
}

function sharedOptions({ operation, fields }: ApiRequestMaker): OptionSpec[] {
  const isList = fields.some(({ at }) => at[0] === "cursor");
  const goesOn = operation.isMutation && FOLLOWED.has(operation.answer ?? "");
  return [
    ...(isList ? [OPTIONS.all] : []),
    ...(goesOn ? [OPTIONS.wait, OPTIONS.watch, OPTIONS.timeout] : []),
    ...(operation.id in CONFIRMED ? [OPTIONS.yes] : []),
  ];
}

async function run(maker: ApiRequestMaker, input: Input, session: Session): Promise<ExitCode> {
  const { operation } = maker;
  const request = await maker.request(input, session);
  await confirm(
    CONFIRMED[operation.id]?.({ ...input.options, ...input.args }),
    isOn(input, "yes"),
    session.io,
  );
  if (isOn(input, "all")) return answered(operation, await allPages(request, session), input, session);
  const client = session.client();
  const answer = await client.call<unknown>({ ...request, idempotencyKey: text(input, "idempotency-key") });
  if (answer.body !== undefined) return answered(operation, answer.body, input, session);
  session.io.out(answer.text === "" || answer.text.endsWith("\n") ? answer.text : `${answer.text}\n`);
  return EXIT.done;
}

async function allPages(request: ApiRequest, session: Session): Promise<Page<unknown>> {
  const items: unknown[] = [];
  for await (const item of itemsOf<unknown>(session, request)) items.push(item);
  return { items, nextCursor: null };
}

/** Everything a list has, page by page. */
export async function* itemsOf<T>(
  session: Session,
  { path, query = {} }: { readonly path: string; readonly query?: Readonly<Record<string, string>> },
): AsyncGenerator<T> {
  let cursor: string | null = null;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const from: Record<string, string> = cursor === null ? {} : { cursor };
    const call = { method: "get", path, query: { limit: PAGE_ITEMS, ...query, ...from } };
    const { body }: { body: Page<T> } = await session.client().call<Page<T>>(call);
    yield* body.items;
    cursor = body.nextCursor;
    if (cursor === null) return;
  }
  throw new Error(`the list must end within ${MOST_PAGES} pages, and goes on`);
}
