import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { expect, it } from "vitest";
import { endedPermit, testPermit } from "../../test/cloud/testPermit.ts";
import { copyObjects, deleteObjects } from "./awsObjects.ts";

/** S3 as far as it is asked here: `answer` gives what each command gets, after whatever it waits for. */
function fakeS3(answer: (command: object) => Promise<unknown> | unknown): S3Client {
  const client = new S3Client({ region: "eu-west-1" });
  const send = async (command: object, { abortSignal }: { abortSignal?: AbortSignal } = {}) => {
    const cut = new Promise((_, reject) => {
      abortSignal?.addEventListener("abort", () => reject(new Error("Request aborted")), { once: true });
    });
    return await Promise.race([answer(command), cut]);
  };
  return Object.assign(client, { send });
}

const place = { region: "eu-west-1" };
const data = { bucket: "data", prefix: "t/" };
const archive = { bucket: "archive", prefix: "a/" };
const never = new Promise<never>(() => undefined);

it("deletes no page more once its permit has ended, however many versions are left", async () => {
  const { permit, end } = testPermit();
  let pages = 0;
  const deleted: number[] = [];
  const client = fakeS3(async (command) => {
    if (command instanceof ListObjectVersionsCommand) {
      pages += 1;
      // It stands still over the second page, as in a partition, and the listing comes back all the same.
      if (pages === 2) end();
      return { Versions: [{ Key: `t/${pages}`, VersionId: "1" }] };
    }
    if (command instanceof DeleteObjectsCommand) deleted.push(command.input.Delete?.Objects?.length ?? 0);
    return {};
  });
  await expect(deleteObjects(client, { ...place, permit, ...data })).rejects.toThrow();
  expect([pages, deleted]).toEqual([2, [1]]);
});

it("begins no page once its permit has ended, although no signal says so", async () => {
  const { permit, endSilently } = testPermit();
  const asked: string[] = [];
  const client = fakeS3((command) => {
    asked.push(command.constructor.name);
    endSilently();
    return { Versions: [{ Key: "t/1", VersionId: "1" }] };
  });
  await expect(deleteObjects(client, { ...place, permit, ...data })).rejects.toBe(endedPermit);
  expect(asked).toEqual(["ListObjectVersionsCommand"]);
});

const many = Array.from({ length: 30 }, (_, index) => ({ Key: `t/${index}`, Size: 1 }));

it("starts no copy once its permit has ended, and waits for no answer", async () => {
  const { permit, end } = testPermit();
  let copies = 0;
  const client = fakeS3((command) => {
    if (command instanceof ListObjectsV2Command) return { Contents: many };
    if (command instanceof CopyObjectCommand) copies += 1;
    if (copies === 8) setImmediate(end);
    return never;
  });
  const copying = copyObjects(client, { ...place, permit, from: data, to: archive });
  await expect(copying).rejects.toThrow("Request aborted");
  // Those that were under way together.
  expect(copies).toBe(8);
});

it("has no copy under way any more when one has failed", async () => {
  const ended: string[] = [];
  let started = 0;
  const client = fakeS3(async (command) => {
    if (command instanceof ListObjectsV2Command) return { Contents: many };
    if (command instanceof HeadObjectCommand) return { ChecksumSHA256: "" };
    started += 1;
    if (started === 3) throw new Error("the third is refused");
    await new Promise((resolve) => setTimeout(resolve, 20));
    ended.push("copied");
    return { CopyObjectResult: { ChecksumSHA256: "AA==" } };
  });
  const copying = copyObjects(client, { ...place, from: data, to: archive });
  await expect(copying).rejects.toThrow("the third is refused");
  const atEnd = [started, ended.length];
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([started, ended.length]).toEqual(atEnd);
  expect(atEnd).toEqual([8, 7]);
});
