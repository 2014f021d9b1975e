import { expect, it } from "vitest";
import { postgresCounters } from "../../service/limits/counters.ts";
import { describeDialects } from "./support.ts";

describeDialects(
  "requests that several services count together",
  (create) => {
    it("are one count a key and window, are not lost to each other, and fail quickly when the database is away", async () => {
      const database = await create();
      await (await database.open()).close();
      if (!("url" in database.location)) throw new Error("these are PostgreSQL's");
      const services = [postgresCounters(database.location.url), postgresCounters(database.location.url)];
      try {
        const counts = await Promise.all(
          Array.from({ length: 20 }, (_, time) => services[time % 2]?.add("p/key", 60)),
        );
        expect(counts.map((one) => one?.count).sort((one = 0, other = 0) => one - other)).toEqual(
          Array.from({ length: 20 }, (_, place) => place + 1),
        );
        expect(counts.every((one) => (one?.resetMs ?? 0) > 0 && (one?.resetMs ?? 0) <= 60_000)).toBe(true);
        expect(await services[0]?.add("p/other", 60)).toMatchObject({ count: 1 });
        const [table] = await database.raw(
          "select relpersistence from pg_class where relname = 'rate_limits'",
        );
        expect(table).toEqual({ relpersistence: "u" });
      } finally {
        await Promise.all(services.map((one) => one.close()));
      }
      const away = postgresCounters("postgres://nobody@127.0.0.1:1/none");
      await expect(away.add("p/key", 60)).rejects.toThrow();
      await away.close();
    });
  },
  "postgresql",
);
