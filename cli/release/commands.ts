import type { ReleaseCreate } from "../../contract/release.ts";
import type { ServiceName } from "../../contract/vocabulary.ts";
import { apiOptions, requestMakerOf } from "../commands/apiRequest.ts";
import { type CommandSpec, text, texts } from "../commands/spec.ts";
import { usageFailure } from "../exit.ts";
import { answered } from "../show/answer.ts";

const maker = requestMakerOf("releaseCreate");
/** A service's members are given by --image and --env, or in a file. */
const OWN = /-(image|environment)$/;

export const releaseCommands: readonly CommandSpec[] = [
  {
    noun: "release",
    verb: "create",
    summary: maker.operation.summary,
    description: maker.operation.description,
    args: [],
    options: [
      {
        name: "image",
        value: "service=image",
        many: true,
        description: "the image of a service (may be repeated)",
      },
      {
        name: "env",
        value: "service:name=value",
        many: true,
        description: "a setting of a service's environment (may be repeated)",
      },
      ...apiOptions(maker).filter(({ name }) => !OWN.test(name)),
    ],
    async run(input, session) {
      const services: Record<string, { image?: string; environment?: Record<string, string> }> = {};
      for (const said of texts(input, "image")) {
        const [service, image] = cut(said, "=", "image", "SERVICE=IMAGE");
        services[service] = { ...services[service], image };
      }
      for (const said of texts(input, "env")) {
        const [service, setting] = cut(said, ":", "env", "SERVICE:NAME=VALUE");
        const [name, value] = cut(setting, "=", "env", "SERVICE:NAME=VALUE");
        services[service] = {
          ...services[service],
          environment: { ...services[service]?.environment, [name]: value },
        };
      }
      const given = Object.keys(services).length > 0 ? { services } : undefined;
      const request = await maker.request(input, session);
      const body = { ...(request.body as Partial<ReleaseCreate>), ...mergedServices(request.body, given) };
      const key = text(input, "idempotency-key");
      const answer = await session.client().call<unknown>({ ...request, body, idempotencyKey: key });
      return answered(maker.operation, answer.body, input, session);
    },
  },
];

/** On top of what a file says of a service. */
function mergedServices(
  body: unknown,
  given: { services: Record<string, object> } | undefined,
): { services?: Record<string, object> } {
  const before = (body as { services?: Record<ServiceName, object> }).services;
  if (given === undefined) return {};
  const merged: Record<string, object> = { ...before };
  for (const [service, members] of Object.entries(given.services))
    merged[service] = { ...merged[service], ...members };
  return { services: merged };
}

function cut(said: string, at: string, option: string, must: string): [string, string] {
  const place = said.indexOf(at);
  if (place > 0) return [said.slice(0, place), said.slice(place + 1)];
  throw usageFailure(`Cannot read --${option}: it must be ${must}, got "${said}".`);
}
