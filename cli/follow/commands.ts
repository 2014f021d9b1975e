import type { OperationDetail } from "../../contract/operation.ts";
import { argumentList, type CommandSpec, OPTIONS, text } from "../commands/spec.ts";
import { followOperations } from "./operations.ts";

export const operationCommands: readonly CommandSpec[] = [
  {
    noun: "operation",
    verb: "watch",
    summary: "Follow operations from their beginning to their end",
    args: [{ name: "operation-id", description: "one or more", required: true, many: true }],
    options: [OPTIONS.timeout],
    async run(input, session) {
      const client = session.client();
      const ids = [...new Set(argumentList(input, "operation-id"))];
      const found = await Promise.all(
        ids.map((id) =>
          client.call<OperationDetail>({
            method: "get",
            path: `/v1/control-plane/operations/${encodeURIComponent(id)}`,
          }),
        ),
      );
      const operations = found.map(({ body }) => body);
      return followOperations(session, operations, { watch: true, timeout: text(input, "timeout") });
    },
  },
];
