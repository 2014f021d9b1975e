import { askSecret } from "../commands/confirm.ts";
import { readText } from "../commands/files.ts";
import { argument, type CommandSpec, isOn, type Session, text } from "../commands/spec.ts";
import { EXIT, usageFailure } from "../exit.ts";
import { show } from "../show/answer.ts";
import { tableText } from "../show/table.ts";
import {
  checkedName,
  checkedUrl,
  type Profile,
  readProfiles,
  unknownProfile,
  writeProfiles,
} from "./profiles.ts";

const nameArgument = { name: "name", description: "of the profile", required: true } as const;

/** What may be shown of a profile: never its key. */
function listed({ io }: Session) {
  const { current, profiles } = readProfiles(io.env);
  return Object.entries(profiles).map(([name, { url, apiKey, apiKeyCommand }]) => ({
    name,
    current: name === current,
    url,
    key: apiKeyCommand === undefined ? (apiKey === undefined ? "none" : "kept") : "command",
  }));
}

export const profileCommands: readonly CommandSpec[] = [
  {
    noun: "profile",
    verb: "set",
    summary: "Make a profile, or change what is given of it",
    description:
      "A key is read from standard input or comes from a command each time; it is never an argument, which other users of the machine could see. The first profile becomes the current one.",
    args: [nameArgument],
    options: [
      { name: "url", value: "url", description: "where the service is" },
      { name: "key-stdin", description: "read the API key from standard input and keep it in the file" },
      { name: "key-command", value: "command", description: "a shell command that prints the API key" },
    ],
    async run(input, session) {
      const { env } = session.io;
      const name = checkedName(argument(input, "name"));
      const file = readProfiles(env);
      const before = file.profiles[name];
      const url = text(input, "url") ?? before?.url;
      if (url === undefined) throw usageFailure(`Cannot make the profile ${name}: --url must be given.`);
      const command = text(input, "key-command");
      const key = isOn(input, "key-stdin") ? (await keyFromInput(session)).trim() : undefined;
      if (key !== undefined && command !== undefined)
        throw usageFailure("Cannot take two keys: --key-stdin and --key-command must not both be given.");
      if (key === "") throw usageFailure("Cannot keep the key: standard input must hold it, and is empty.");
      const kept = key !== undefined || command !== undefined ? {} : { ...before };
      const profile: Profile = {
        ...kept,
        url: checkedUrl(url, "--url").href.replace(/\/$/, ""),
        ...(key === undefined ? {} : { apiKey: key }),
        ...(command === undefined ? {} : { apiKeyCommand: command }),
      };
      // A key belongs to one address; moving the profile elsewhere must not take it along.
      const moved = before !== undefined && new URL(before.url).origin !== new URL(profile.url).origin;
      if (moved && key === undefined && command === undefined)
        throw usageFailure(
          `Cannot move the profile ${name} with its key: give the key for ${profile.url} too.`,
        );
      writeProfiles(env, { current: file.current ?? name, profiles: { ...file.profiles, [name]: profile } });
      return EXIT.done;
    },
  },
  {
    noun: "profile",
    verb: "list",
    summary: "List profiles; keys are not shown",
    args: [],
    options: [],
    async run(_input, session) {
      const rows = listed(session);
      if (session.json) show(session, undefined, { items: rows });
      else if (rows.length === 0) session.io.err("None. `tenantry profile set NAME --url URL` makes one.\n");
      else
        session.io.out(
          tableText(
            session.io,
            [
              { title: "", value: ({ current }) => (current ? "*" : " ") },
              { title: "profile", value: ({ name }) => name },
              { title: "url", value: ({ url }) => url },
              { title: "key", value: ({ key }) => key },
            ],
            rows,
          ),
        );
      return EXIT.done;
    },
  },
  {
    noun: "profile",
    verb: "use",
    summary: "Make a profile the current one",
    args: [nameArgument],
    options: [],
    async run(input, { io }) {
      const name = argument(input, "name");
      const file = readProfiles(io.env);
      if (file.profiles[name] === undefined) throw unknownProfile(name, file);
      writeProfiles(io.env, { ...file, current: name });
      return EXIT.done;
    },
  },
  {
    noun: "profile",
    verb: "remove",
    summary: "Forget a profile and its key",
    args: [nameArgument],
    options: [],
    async run(input, { io }) {
      const name = argument(input, "name");
      const file = readProfiles(io.env);
      if (file.profiles[name] === undefined) throw unknownProfile(name, file);
      const { [name]: _gone, ...profiles } = file.profiles;
      writeProfiles(io.env, { current: file.current === name ? null : file.current, profiles });
      return EXIT.done;
    },
  },
];

async function keyFromInput({ io }: Session): Promise<string> {
  return io.stdinIsTerminal ? askSecret("API key: ") : readText("-");
}
