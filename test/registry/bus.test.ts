import { expect, it } from "vitest";
import { type Bus, openBus } from "../../registry/bus.ts";
import { waitFor } from "../service/harness.ts";
import { startProxy } from "./proxy.ts";
import { describeDialects } from "./support.ts";

const urlOf = (location: object) => ("url" in location ? String(location.url) : "");

async function listen(url: string, self: string) {
  const heard: string[] = [];
  const gaps: number[] = [];
  const errors: unknown[] = [];
  const bus: Bus = await openBus(url, self, {
    onTopic: (topic) => heard.push(topic),
    onGap: () => gaps.push(heard.length),
    onError: (error) => errors.push(error),
  });
  return { bus, heard, gaps, errors };
}

describeDialects(
  "messages between processes",
  (create) => {
    it("reach the others and not their sender, however many go out at once", async () => {
      const url = urlOf((await create()).location);
      const [here, there] = [await listen(url, "here"), await listen(url, "there")];
      const topics = Array.from({ length: 200 }, (_, place) => `operation:${crypto.randomUUID()}-${place}`);
      await here.bus.publish(topics);
      await waitFor("the messages", async () => (there.heard.length === topics.length ? true : undefined));
      expect(there.heard).toEqual(topics);
      expect(here.heard).toEqual([]);
      await here.bus.close();
      await there.bus.close();
    });

    it("go on after the connection broke, and say that some may be missing", async () => {
      const url = urlOf((await create()).location);
      const proxy = await startProxy(url);
      const there = await listen(proxy.url, "there");
      const here = await listen(url, "here");
      await proxy.cut();
      await expect(there.bus.publish(["x"])).rejects.toThrow();
      await here.bus.publish(["lost"]);
      await proxy.restore();
      await waitFor("the link", async () => there.gaps[0]);
      await here.bus.publish(["operations"]);
      await waitFor("the message", async () => there.heard[0]);
      expect(there.heard).toEqual(["operations"]);
      await here.bus.close();
      await there.bus.close();
      await proxy.cut();
    });

    it("of other programs on the same channel are not taken for ours", async () => {
      const database = await create();
      const there = await listen(urlOf(database.location), "there");
      await database.raw("select pg_notify('tenantry', 'hello')");
      await waitFor("the complaint", async () => there.errors[0]);
      expect(there.heard).toEqual([]);
      await there.bus.close();
    });
  },
  "postgresql",
);
