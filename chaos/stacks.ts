import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What the state backend itself holds, read without the service. */
export interface StackState {
  readonly project: string;
  readonly stack: string;
  readonly resources: readonly { readonly type: string; readonly id: string; readonly arn?: string }[];
  readonly pendingOperations: number;
  /** The whole checkpoint, to search in. */
  readonly text: string;
}

export interface StateReader {
  stacks(): Promise<StackState[]>;
  /** Names of the locks that are left. */
  locks(): Promise<string[]>;
}

interface Checkpoint {
  checkpoint?: {
    latest?: {
      resources?: { type: string; id?: string; custom: boolean; outputs?: { arn?: unknown } }[];
      pending_operations?: unknown[];
    } | null;
  };
}

export function readStateFolder(folder: string): StateReader {
  const root = join(folder, ".pulumi");
  return {
    async stacks() {
      const projects = await readdir(join(root, "stacks")).catch(() => []);
      const found: StackState[] = [];
      for (const project of projects.filter((name) => name.startsWith("tenant-"))) {
        for (const file of await readdir(join(root, "stacks", project))) {
          if (!file.endsWith(".json")) continue;
          const text = await readFile(join(root, "stacks", project, file), "utf8");
          found.push(stackState(project, file.slice(0, -".json".length), text));
        }
      }
      return found;
    },
    async locks() {
      const names: string[] = await readdir(join(root, "locks"), { recursive: true }).catch(() => []);
      return names.filter((name) => name.endsWith(".json"));
    },
  };
}

export function stackState(project: string, stack: string, text: string): StackState {
  const latest = (JSON.parse(text) as Checkpoint).checkpoint?.latest;
  const resources = (latest?.resources ?? []).flatMap(({ type, id, custom, outputs }) => {
    if (!custom || id === undefined || !type.startsWith("aws:")) return [];
    return [{ type, id, ...(typeof outputs?.arn === "string" ? { arn: outputs.arn } : {}) }];
  });
  return { project, stack, resources, pendingOperations: latest?.pending_operations?.length ?? 0, text };
}

const STATE_FILE = /\/\.pulumi\/stacks\/(tenant-[^/]+)\/([^/]+)\.json$/;

/** Pulumi's `postgres://` backend: a row for each file that a folder would have. */
export function readStateDatabase(query: <T extends object>(sql: string) => Promise<T[]>): StateReader {
  return {
    async stacks() {
      const rows = await query<{ key: string; data: { data: string } }>(
        "SELECT key, data FROM public.pulumi_state",
      );
      return rows.flatMap(({ key, data }) => {
        const [, project, stack] = STATE_FILE.exec(key) ?? [];
        if (project === undefined || stack === undefined) return [];
        return [stackState(project, stack, Buffer.from(data.data, "base64").toString("utf8"))];
      });
    },
    async locks() {
      const rows = await query<{ key: string }>(
        "SELECT key FROM public.pulumi_state WHERE key LIKE '%/.pulumi/locks/%.json'",
      );
      return rows.map(({ key }) => key);
    },
  };
}
