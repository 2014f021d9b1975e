import { type AddressInfo, connect, createServer } from "node:net";

/** The URL of a way to the PostgreSQL at `url` that breaks for good, as with a dying host, as soon as a statement with these words is sent. */
export async function cutAt(words: string, url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const server = createServer((client) => {
    const database = connect(Number(port), hostname);
    const end = () => {
      client.destroy();
      database.destroy();
    };
    for (const socket of [client, database]) socket.on("error", end).on("close", end);
    client.on("data", (chunk) => {
      if (!chunk.includes(words)) return;
      server.close();
      client.resetAndDestroy();
    });
    client.pipe(database).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const through = new URL(url);
  through.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return through.href;
}
