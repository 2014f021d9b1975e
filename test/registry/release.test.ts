import { expect, it } from "vitest";
import { releaseFind, releaseGet, releaseLatest, releaseList } from "../../registry/release.ts";
import { addRelease } from "./fixtures.ts";
import { describeDialects } from "./support.ts";

describeDialects("releases", (create) => {
  it("are numbered without a gap, also when made at once", async () => {
    const registry = await (await create()).open();
    const made = await Promise.all(["1", "2", "3", "4", "5"].map((tag) => addRelease(registry, tag)));
    expect(made.map((release) => release.number).sort()).toEqual([1, 2, 3, 4, 5]);
    expect((await registry.read(releaseLatest))?.number).toBe(5);
  });

  it("come back as they were made, with a digest of what they deploy", async () => {
    const registry = await (await create()).open();
    const first = await addRelease(registry, "1.0.0");
    const same = await addRelease(registry, "1.0.0");
    const other = await addRelease(registry, "1.0.1");
    expect(await registry.read((db) => releaseGet(db, 1))).toEqual(first);
    expect(first.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(same.digest).toBe(first.digest);
    expect(other.digest).not.toBe(first.digest);
  });

  it("that are not there are a problem, or undefined", async () => {
    const registry = await (await create()).open();
    expect(await registry.read(releaseLatest)).toBeUndefined();
    expect(await registry.read((db) => releaseFind(db, 1))).toBeUndefined();
    await expect(registry.read((db) => releaseGet(db, 1))).rejects.toMatchObject({
      code: "release_not_found",
    });
  });

  it("are listed newest first, page by page", async () => {
    const registry = await (await create()).open();
    for (const tag of ["1", "2", "3"]) await addRelease(registry, tag);
    const first = await registry.read((db) => releaseList(db, { limit: 2 }));
    const second = await registry.read((db) => releaseList(db, { limit: 2, cursor: first.nextCursor ?? "" }));
    expect([...first.items, ...second.items].map((release) => release.number)).toEqual([3, 2, 1]);
  });
});
