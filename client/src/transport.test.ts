import { expect, it } from "vitest";
import { createTransport } from "./transport.ts";

async function askedFor(url: string, path: string, query: Record<string, string> = {}): Promise<string> {
  const asked: string[] = [];
  const fetch = async (request: Request) => {
    asked.push(request.url);
    return new Response();
  };
  const transport = createTransport({ url, apiKey: () => "tk_key", fetch });
  await transport.send({ method: "GET", path, query }, AbortSignal.timeout(1_000));
  return asked.join();
}

it("asks below the path of the service's address, such as a gateway's prefix", async () => {
  expect(await askedFor("https://ops.example.com", "/v1/x")).toBe("https://ops.example.com/v1/x");
  expect(await askedFor("https://ops.example.com/tenantry/", "/v1/x", { q: "a b" })).toBe(
    "https://ops.example.com/tenantry/v1/x?q=a+b",
  );
  expect(await askedFor("https://ops.example.com/a/b", "/v1/x?y=1")).toBe(
    "https://ops.example.com/a/b/v1/x?y=1",
  );
});

it("asks no other host, whatever the path", async () => {
  expect(await askedFor("https://ops.example.com//elsewhere.example/", "/v1/x")).toBe(
    "https://ops.example.com//elsewhere.example/v1/x",
  );
  expect(await askedFor("https://ops.example.com", "//elsewhere.example/x")).toBe(
    "https://ops.example.com//elsewhere.example/x",
  );
});
