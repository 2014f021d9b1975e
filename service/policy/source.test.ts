import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createSigner } from "../signing/signer.ts";
import { bundleOf } from "./bundle.ts";
import { POLICY_LIMITS, PolicySetProblem } from "./policySet.ts";
import { PolicyLocationProblem, policySource } from "./source.ts";

const text = '@id("all") permit (principal, action, resource);';
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function served(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.cedar`;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(PolicySetProblem);
  return (thrown as PolicySetProblem).problems.join("; ");
}

function signer() {
  return createSigner(generateKeyPairSync("ed25519").privateKey);
}

describe("policies in a folder", () => {
  function folder(files: Record<string, string>): string {
    const at = mkdtempSync(join(tmpdir(), "tenantry-policies-"));
    ends.push(() => rmSync(at, { recursive: true }));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(at, name), content);
    return at;
  }

  it("are its .cedar files, by name, and nothing else that lies there", async () => {
    const source = policySource(folder({ "b.cedar": "b", "a.cedar": "a", "README.md": "c" }));
    expect(await source.read()).toEqual([
      { name: "a.cedar", text: "a" },
      { name: "b.cedar", text: "b" },
    ]);
  });

  it("may be so large and no larger", async () => {
    const source = policySource(folder({ "a.cedar": "/".repeat(POLICY_LIMITS.totalBytes + 1) }));
    expect(await refusal(source.read())).toContain(`more than ${POLICY_LIMITS.totalBytes} bytes`);
  });

  it("must be there", async () => {
    expect(await refusal(policySource("/no/such/folder").read())).toContain("ENOENT");
  });
});

describe("policies at a URL", () => {
  it("are taken again only when their ETag has changed", async () => {
    let etag = '"1"';
    const asked: (string | undefined)[] = [];
    const url = await served((request, response) => {
      asked.push(request.headers["if-none-match"]);
      const isSame = request.headers["if-none-match"] === etag;
      response.writeHead(isSame ? 304 : 200, { etag }).end(isSame ? undefined : text);
    });
    const source = policySource(url);
    expect(await source.read()).toEqual([{ name: "fleet.cedar", text }]);
    expect(await source.read()).toBeUndefined();
    etag = '"2"';
    expect(await source.read()).toHaveLength(1);
    expect(asked).toEqual([undefined, '"1"', '"1"']);
  });

  it("are asked for whole again after an answer that was refused", async () => {
    let body = "{ no json";
    const url = await served((request, response) => {
      if (request.headers["if-none-match"] === '"1"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"1"' }).end(body);
    });
    const source = policySource(url);
    expect(await refusal(source.read())).toContain("no JSON");
    body = text;
    expect(await source.read()).toHaveLength(1);
  });

  it("are refused when they have no end, come from elsewhere, or do not come", async () => {
    const endless = await served((_request, response) => {
      response.writeHead(200);
      const more = () => {
        while (response.write("/".repeat(65_536)));
        response.once("drain", more);
      };
      response.on("error", () => undefined);
      more();
    });
    expect(await refusal(policySource(endless).read())).toContain("longer than");
    const elsewhere = await served((_request, response) =>
      response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
    );
    expect(await refusal(policySource(elsewhere).read())).toContain("cannot be read");
    const failing = await served((_request, response) => response.writeHead(500).end());
    expect(await refusal(policySource(failing).read())).toContain("answered 500");
  });

  it("may be pinned by their SHA-256", async () => {
    const url = await served((_request, response) => response.end(text));
    const digest = createHash("sha256").update(text).digest("hex");
    expect(await policySource(`${url}#sha256=${digest}`).read()).toHaveLength(1);
    const other = `${url}#sha256=${"0".repeat(64)}`;
    expect(await refusal(policySource(other).read())).toContain(`and is ${digest}`);
  });

  it.each([
    "http://policies.example/a.cedar",
    "ftp://host/x",
    "https://user:secret@host/x",
    "https://host/x#md5=1",
  ])("are not read from %s", (location) => {
    expect(() => policySource(location)).toThrow(PolicyLocationProblem);
  });
});

describe("a bundle", () => {
  const files = [
    { name: "a.cedar", text },
    { name: "b.cedar", text: "// nothing more" },
  ];
  const serve = (bundle: unknown) => served((_request, response) => response.end(JSON.stringify(bundle)));

  it("carries several files, and needs no signature where no key is set", async () => {
    expect(await policySource(await serve(bundleOf(files))).read()).toEqual(files);
  });

  it("is refused when a file is not what its checksum was taken over", async () => {
    const bundle = bundleOf(files);
    const edited = { ...bundle, files: { ...bundle.files, "b.cedar": text } };
    expect(await refusal(policySource(await serve(edited)).read())).toContain("checksum");
  });

  it("must be signed by the key that was set, and by no other", async () => {
    const [ours, theirs] = [signer(), signer()];
    const { publicKey } = ours;
    const read = async (bundle: unknown) => policySource(await serve(bundle), { publicKey }).read();
    expect(await read(bundleOf(files, ours))).toEqual(files);
    expect(await refusal(read(bundleOf(files)))).toContain("must be signed");
    expect(await refusal(read(bundleOf(files, theirs)))).toContain("does not hold");
    const swapped = { ...bundleOf([{ name: "a.cedar", text: "x" }]), keyId: ours.keyId };
    expect(await refusal(read({ ...swapped, signature: bundleOf(files, ours).signature }))).toContain(
      "not what was signed",
    );
  });

  it("cannot be plain text where a key is set", async () => {
    const url = await served((_request, response) => response.end(text));
    expect(await refusal(policySource(url, signer()).read())).toContain("is plain text");
  });
});
