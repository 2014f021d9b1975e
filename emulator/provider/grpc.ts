import grpc from "@grpc/grpc-js";
import { PartialFailure, partialFailureError, serviceError } from "./errors.ts";

export interface CallInfo {
  /** The connection, which stands for one configured provider of one engine. */
  readonly peer: string;
  /** Aborts when the engine is gone or gives up. */
  readonly aborted: AbortSignal;
}

/** A gRPC method from an async function; what it throws becomes the engine's error text. */
export function unary<Request, Response>(
  method: (request: Request, call: CallInfo) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const controller = new AbortController();
    call.on("cancelled", () => controller.abort());
    const info = { peer: call.getPeer(), aborted: controller.signal };
    Promise.resolve()
      .then(() => method(call.request, info))
      .then(
        (response) => callback(null, response),
        (error: unknown) =>
          callback(error instanceof PartialFailure ? partialFailureError(error) : serviceError(error)),
      );
  };
}

export function unimplemented<Request, Response>(method: string): grpc.handleUnaryCall<Request, Response> {
  return (_call, callback) =>
    callback({
      code: grpc.status.UNIMPLEMENTED,
      details: `Cannot answer ${method}: the local cloud has no use for it.`,
    });
}

export function unimplementedStream<Request, Response>(
  method: string,
): grpc.handleServerStreamingCall<Request, Response> {
  return (call) =>
    call.emit("error", {
      code: grpc.status.UNIMPLEMENTED,
      details: `Cannot answer ${method}: the local cloud has no use for it.`,
    });
}

/** State of a whole stack passes through one message at most; the engine's own limit is the same. */
const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves on 127.0.0.1 only: the local cloud asks nobody who they are. */
export async function listen(
  service: grpc.ServiceDefinition,
  implementation: grpc.UntypedServiceImplementation,
  port = 0,
): Promise<Listening> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  });
  server.addService(service, implementation);
  const boundPort = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return {
    port: boundPort,
    async close() {
      server.forceShutdown();
    },
  };
}
