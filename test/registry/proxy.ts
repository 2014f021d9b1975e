import { connect, createServer, type Server, type Socket } from "node:net";

/** A network between a client and PostgreSQL that can be taken away and given back. */
export interface DatabaseProxy {
  readonly url: string;
  /** Cuts all connections and refuses new ones, as a database that was stopped. */
  cut(): Promise<void>;
  /** Takes what is sent and lets no answer through, as a host that vanished. */
  mute(): void;
  /** Lets the next statement with this text through, and cuts the connection before its answer. */
  cutAfter(text: string): void;
  restore(): Promise<void>;
}

export async function startProxy(url: string): Promise<DatabaseProxy> {
  const to = new URL(url);
  const sockets = new Set<Socket>();
  let muted = false;
  let deadly: string | undefined;
  let server: Server | undefined;

  function join(client: Socket): void {
    const database = connect(Number(to.port), to.hostname);
    let cutNext = false;
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        database.destroy();
      });
    }
    client.on("data", (data) => {
      if (deadly !== undefined && data.includes(deadly)) {
        cutNext = true;
        deadly = undefined;
      }
      if (!muted) database.write(data);
    });
    database.on("data", (data) => {
      if (cutNext) client.destroy();
      else if (!muted) client.write(data);
    });
  }

  async function listen(port: number): Promise<number> {
    const listening = createServer(join);
    server = listening;
    await new Promise<void>((resolve) => listening.listen(port, "127.0.0.1", resolve));
    const address = listening.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  const port = await listen(0);
  const through = new URL(url);
  through.port = String(port);
  through.hostname = "127.0.0.1";
  async function cut(): Promise<void> {
    const closing = server;
    server = undefined;
    const closed = new Promise<void>((resolve) => (closing ? closing.close(() => resolve()) : resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  }
  return {
    url: through.href,
    cut,
    mute() {
      muted = true;
    },
    cutAfter(text) {
      deadly = text;
    },
    async restore() {
      muted = false;
      if (server === undefined) await listen(port);
    },
  };
}
