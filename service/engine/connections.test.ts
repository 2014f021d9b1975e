import { createRequire } from "node:module";
import grpc from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { ownConnections } from "./connections.ts";

const { grpcClientOptions } = createRequire(import.meta.url)("@pulumi/pulumi/runtime/settings.js") as {
  grpcClientOptions: grpc.ClientOptions;
};

it("reaches a CLI on a port where an earlier one went away", async () => {
  const first = await listen(0);
  const cutOff = client(first.port);
  expect(await ask(cutOff)).toBe("answered");
  first.server.forceShutdown();
  // The first call may still find the connection's end; the next ones find nobody there.
  await expect.poll(() => ask(cutOff)).toContain("ECONNREFUSED");
  const second = await listen(first.port);
  expect(await ask(client(first.port))).toContain("14 UNAVAILABLE: No connection established");

  ownConnections();
  expect(await ask(client(first.port))).toBe("answered");
  second.server.forceShutdown();
});

const bytes = (value: Buffer) => value;

const SERVICE: grpc.ServiceDefinition = {
  ask: {
    path: "/test/ask",
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
};

async function listen(port: number): Promise<{ server: grpc.Server; port: number }> {
  const server = new grpc.Server();
  server.addService(SERVICE, {
    ask: (_call: unknown, answer: grpc.sendUnaryData<Buffer>) => answer(null, Buffer.from("answered")),
  });
  const credentials = grpc.ServerCredentials.createInsecure();
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, given) =>
      error ? reject(error) : resolve(given),
    ),
  );
  return { server, port: bound };
}

/** As the SDK makes its own. */
function client(port: number): grpc.Client {
  return new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), grpcClientOptions);
}

/** The answer, or the words of the failure. */
function ask(from: grpc.Client): Promise<string> {
  return new Promise((resolve) => {
    from.makeUnaryRequest("/test/ask", bytes, bytes, Buffer.alloc(0), (error, value) =>
      resolve(error ? error.message : String(value)),
    );
  });
}
