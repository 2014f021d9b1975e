import { connect, createServer, type Server, type Socket } from "node:net";

/** The network between one host and the database, which can be taken away and given back. */
export interface Link {
  readonly url: string;
  /** From now on nothing passes: `refuse` says so at once, `swallow` says nothing, as a cable that was pulled. */
  cut(how: "refuse" | "swallow"): void;
  restore(): void;
  close(): Promise<void>;
}

export async function startLink(url: string): Promise<Link> {
  const to = new URL(url);
  const sockets = new Set<Socket>();
  let state: "whole" | "refuse" | "swallow" = "whole";

  function join(client: Socket): void {
    if (state === "refuse") return void client.destroy();
    const database = connect(Number(to.port), to.hostname);
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        database.destroy();
      });
    }
    client.on("data", (data) => void (state === "whole" && database.write(data)));
    database.on("data", (data) => void (state === "whole" && client.write(data)));
  }

  const server: Server = createServer(join);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const through = new URL(url);
  through.host = `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: through.href,
    cut(how) {
      state = how;
      if (how === "refuse") drop();
    },
    restore() {
      // What was swallowed is lost: a connection cannot go on with a hole in it.
      drop();
      state = "whole";
    },
    async close() {
      drop();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
