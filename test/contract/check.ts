import { answerValidator, declaredCodes, type Operation } from "./document.ts";
import type { Received } from "./request.ts";

/** What is wrong with an answer, by the document alone; undefined when nothing is. */
export function complaint(operation: Operation, received: Received): string | undefined {
  const { status, type, text, requestId } = received;
  if (status >= 500) return `answers ${status}: ${text.slice(0, 300)}`;
  if (requestId === undefined) return `answers ${status} without X-Request-Id`;
  // A conditional read that finds nothing new, and a body that was too large to be waited for, have no content.
  const declared = operation.responses[String(status)];
  if (declared === undefined) {
    return `answers ${status} ${codeOf(text)}, which it does not declare. Add the code to the route's \`errors\` in contract/, then npm run contract.`;
  }
  const types = Object.keys(declared.content ?? {});
  if (types.length === 0) return text === "" ? undefined : `answers ${status} with a body, and declares none`;
  if (!types.includes(type))
    return `answers ${status} as ${type || "no type"}, and declares ${types.join(", ")}`;
  if (!/[/+]json$/.test(type)) return undefined;
  return contentComplaint(operation, status, type, text);
}

function contentComplaint(
  operation: Operation,
  status: number,
  type: string,
  text: string,
): string | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return `answers ${status} with what is no JSON: ${text.slice(0, 200)}`;
  }
  const valid = answerValidator(operation, status, type);
  if (!valid(body)) {
    const [first] = valid.errors ?? [];
    return `answers ${status} with what its schema refuses: ${first?.instancePath} ${first?.message} in ${text.slice(0, 400)}`;
  }
  if (!type.includes("problem")) return undefined;
  const { code } = body as { code: string };
  const codes = declaredCodes(operation, status);
  if (codes.includes(code)) return undefined;
  return `answers ${status} ${code}, and declares ${codes.join(", ")}. Add "${code}" to the route's \`errors\` in contract/, then npm run contract.`;
}

export function codeOf(text: string): string {
  return /"code":"(\w+)"/.exec(text)?.[1] ?? "";
}
