import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NewResource, Store } from "./store.ts";
import { openStore } from "./store.ts";

let folder: string;
let nowMs: number;
let store: Store;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tenantry-store-"));
  nowMs = 1_000_000;
  store = openStore(join(folder, "account.sqlite"), () => nowMs);
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

function resource(id: string, more: Partial<NewResource> = {}): NewResource {
  return {
    account: "123456789012",
    region: "eu-west-1",
    type: "aws:test/thing:Thing",
    id,
    arn: `arn:${id}`,
    name: id,
    nameScope: "scope",
    properties: { tagsAll: { team: "a" } },
    inputKeys: [],
    runtime: {},
    references: [],
    ...more,
  };
}

describe("the stored account", () => {
  it("finds by id, ARN, name, tag and reference", () => {
    store.put(resource("one", { references: ["vpc-1", "sg-1"] }));
    store.put(resource("two", { properties: { tagsAll: { team: "b" } } }));
    store.put(resource("three", { name: "a/three" }));
    expect(store.find(resource("one"))?.id).toBe("one");
    expect(store.findByArn("arn:two")?.id).toBe("two");
    expect(store.findByName("aws:test/thing:Thing", "scope", "two")?.id).toBe("two");
    expect(store.findByName("aws:test/thing:Thing", "other", "two")).toBeUndefined();
    for (const called of ["three", "arn:three", "a/three"]) {
      expect(store.list({ type: "aws:test/thing:Thing", called }).map(({ id }) => id)).toEqual(["three"]);
      expect(store.list({ region: "eu-west-2", called })).toEqual([]);
    }
    expect(store.list({ called: "four" })).toEqual([]);
    expect(store.list({ tags: { team: "b" } }).map(({ id }) => id)).toEqual(["two"]);
    expect(store.referrers("123456789012", "vpc-1").map(({ id }) => id)).toEqual(["one"]);
    expect(store.referrers("999999999999", "vpc-1")).toEqual([]);
  });

  it("keeps its indexes true through changes and removals", () => {
    store.put(resource("one", { references: ["vpc-1"] }));
    store.change(resource("one"), { references: ["vpc-2"], properties: { tagsAll: { team: "c" } } });
    expect(store.referrers("123456789012", "vpc-1")).toEqual([]);
    expect(store.referrers("123456789012", "vpc-2")).toHaveLength(1);
    expect(store.list({ tags: { team: "a" } })).toEqual([]);
    store.remove(resource("one"));
    expect(store.referrers("123456789012", "vpc-2")).toEqual([]);
    expect(store.list({ tags: { team: "c" } })).toEqual([]);
  });

  it("undoes all of a transaction that throws", () => {
    expect(() =>
      store.transaction(() => {
        store.put(resource("one"));
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(store.count()).toBe(0);
  });

  it("keeps what is scheduled for deletion until its time, with its name", () => {
    store.put(resource("one"));
    store.change(resource("one"), { deletionAtMs: nowMs + 1_000 });
    expect(store.find(resource("one"))?.state).toBe("scheduled_for_deletion");
    expect(store.findByName("aws:test/thing:Thing", "scope", "one")?.deletionAt).toBe(
      "1970-01-01T00:16:41.000Z",
    );
    nowMs += 1_001;
    expect(store.transaction(() => store.find(resource("one")))).toBeUndefined();
  });

  it("counts on from where it was, also when opened again", () => {
    expect([store.nextValue("revision"), store.nextValue("revision"), store.nextValue("other")]).toEqual([
      1, 2, 1,
    ]);
    store.close();
    store = openStore(join(folder, "account.sqlite"));
    expect(store.nextValue("revision")).toBe(3);
  });

  it("pages in order of creation", () => {
    for (const id of ["a", "b", "c"]) store.put(resource(id));
    const first = store.list({ limit: 2 });
    expect(first.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(store.list({ afterSequence: first[1]?.sequence ?? 0 }).map(({ id }) => id)).toEqual(["c"]);
  });
});
