import { expect, it } from "vitest";
import { imageRoutes } from "./images.ts";

function ask(reference: string): { digest: string | null } {
  const handler = imageRoutes()["GET /v1/images"];
  if (handler === undefined) throw new Error("there is no such route");
  const request = { query: new URLSearchParams({ reference }), parameters: {}, content: [] as never };
  return handler({ ...request, body: () => Promise.reject(new Error("there is none")) }) as never;
}

it("an image's digest belongs to its reference and stays", () => {
  const one = ask("registry.example:5000/team/app:1.0").digest;
  expect(one).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(ask("registry.example:5000/team/app:1.0").digest).toBe(one);
  expect(ask("registry.example:5000/team/app:1.1").digest).not.toBe(one);
});

it("a tag that says so is missing, a repository that says so is not", () => {
  expect(ask("registry.example/app:missing-1").digest).toBeNull();
  expect(ask("registry.example/missing:1").digest).not.toBeNull();
});
