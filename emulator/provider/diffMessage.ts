import messages from "@pulumi/pulumi/proto/provider_pb.js";
import type { ResourceDiff } from "./diff.ts";
import { formatPath } from "./diff.ts";

const { Kind } = messages.PropertyDiff;
const KINDS = { add: Kind.ADD, update: Kind.UPDATE, delete: Kind.DELETE } as const;
const REPLACE_KINDS = {
  add: Kind.ADD_REPLACE,
  update: Kind.UPDATE_REPLACE,
  delete: Kind.DELETE_REPLACE,
} as const;

/** As the engine wants it: one entry per path, and the top-level names besides. */
export function diffResponse(diff: ResourceDiff): InstanceType<typeof messages.DiffResponse> {
  const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
  const response = new messages.DiffResponse();
  response.setChanges(diff.changes.length > 0 ? DIFF_SOME : DIFF_NONE);
  response.setHasdetaileddiff(true);
  response.setDeletebeforereplace(diff.deleteBeforeReplace);
  const replaces = new Set<string>();
  const names = new Set<string>();
  for (const change of diff.changes) {
    const property = new messages.PropertyDiff();
    property.setKind((change.replaces ? REPLACE_KINDS : KINDS)[change.kind]);
    property.setInputdiff(true);
    response.getDetaileddiffMap().set(formatPath(change.path), property);
    const name = String(change.path[0]);
    names.add(name);
    if (change.replaces) replaces.add(name);
  }
  response.setReplacesList([...replaces]);
  response.setDiffsList([...names]);
  return response;
}
