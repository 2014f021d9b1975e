import { expect, it } from "vitest";
import { createLocalCloudRuntime } from "./localCloudRuntime.ts";

it("says that a local cloud which cannot be started is out of reach for now", async () => {
  const cloud = createLocalCloudRuntime({ controlUrl: () => Promise.reject(new Error("the disk is full")) });
  await expect(cloud.listByTag({ region: "eu-west-1", tags: {} })).rejects.toMatchObject({
    code: "cloud_unreachable",
    retryable: true,
    message: expect.stringContaining("the disk is full"),
  });
});
