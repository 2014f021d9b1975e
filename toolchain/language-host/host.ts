import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/language_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import pluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import { version } from "@pulumi/pulumi/version.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { cancelPrograms, runProgram } from "./program.ts";

/**
 * A stand-in for `pulumi-language-nodejs`, for machines where the CLI was built from source and no official host
 * exists. It is never put before an official one.
 *
 * It promises what `pulumi up`, `preview`, `destroy`, `refresh` and `watch` ask of a host: the engine starts it with its own
 * address as the only argument, reads the port from the first line of standard output, and calls Run once per
 * preview and once per update. Each run is a process of its own, started exactly as the official host does it, with the
 * SDK's own runner (cmd/run), so that a program behaves, fails and prints alike under both.
 *
 * It refuses the rest: no code generation, no `pulumi install`, no plugins or policies written in Node. Plugins a program needs are
 * not announced beforehand; the engine gets them when the first resource of a provider is registered.
 */
type Handler<Request, Response> = (
  call: ServerUnaryCall<Request, Response>,
  reply: sendUnaryData<Response>,
) => void;

const engineAddress = process.argv.slice(2).find((argument) => !argument.startsWith("-")) ?? "";

const run: Handler<messages.RunRequest, messages.RunResponse> = (call, reply) => {
  runProgram(call.request, engineAddress).then(
    ({ error, bail }) => reply(null, new messages.RunResponse().setError(error).setBail(bail)),
    (error: Error) => reply({ code: status.INTERNAL, message: error.message }),
  );
};

const about: Handler<messages.AboutRequest, messages.AboutResponse> = (_call, reply) =>
  reply(null, new messages.AboutResponse().setExecutable(process.execPath).setVersion(process.version));

const cancel: Handler<empty.Empty, empty.Empty> = (_call, reply) => {
  cancelPrograms();
  reply(null, new empty.Empty());
};

const server = new Server();
server.addService(services.LanguageRuntimeService, {
  handshake: (_call: unknown, reply: sendUnaryData<messages.LanguageHandshakeResponse>) =>
    reply(null, new messages.LanguageHandshakeResponse()),
  getRequiredPackages: (_call: unknown, reply: sendUnaryData<messages.GetRequiredPackagesResponse>) =>
    reply(null, new messages.GetRequiredPackagesResponse()),
  getRequiredPlugins: (_call: unknown, reply: sendUnaryData<messages.GetRequiredPluginsResponse>) =>
    reply(null, new messages.GetRequiredPluginsResponse()),
  getProgramDependencies: (_call: unknown, reply: sendUnaryData<messages.GetProgramDependenciesResponse>) =>
    reply(null, new messages.GetProgramDependenciesResponse()),
  getPluginInfo: (_call: unknown, reply: sendUnaryData<pluginMessages.PluginInfo>) =>
    reply(null, new pluginMessages.PluginInfo().setVersion(version)),
  run,
  about,
  cancel,
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null)
    throw new Error("Cannot serve the engine: 127.0.0.1 must have a free port", { cause: error });
  console.log(port);
});
