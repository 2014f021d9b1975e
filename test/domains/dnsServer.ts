import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/**
 * A small DNS server of our own making: UDP, TXT records alone, and the ways in which real ones fail. It speaks the wire format of
 * RFC 1035, so that what is tested is a real resolver asking a real server.
 */
export interface DnsServer {
  /** `address:port`. */
  readonly address: string;
  /** Replaces what a name's TXT records say; without values the name is there and has none. */
  say(name: string, ...values: string[]): void;
  /** The name is not there at all. */
  forget(name: string): void;
  /** From now on every answer is a failure, or there is none. */
  behave(how: "well" | "servfail" | "silent"): void;
  /** Names that were asked for. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

const CODE = { noError: 0, serverFailure: 2, nameError: 3 } as const;
const TXT = 16;

export async function startDnsServer(): Promise<DnsServer> {
  const records = new Map<string, readonly string[]>();
  const asked: string[] = [];
  let behaviour: "well" | "servfail" | "silent" = "well";
  const socket: Socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    const { name, type, end } = question(query);
    asked.push(name);
    if (behaviour === "silent") return;
    const values = records.get(name);
    const code =
      behaviour === "servfail" ? CODE.serverFailure : values === undefined ? CODE.nameError : CODE.noError;
    const answers = code === CODE.noError && type === TXT ? (values ?? []) : [];
    socket.send(answer(query.subarray(0, end), code, answers), from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    say: (name, ...values) => void records.set(name.toLowerCase(), values),
    forget: (name) => void records.delete(name.toLowerCase()),
    behave: (how) => {
      behaviour = how;
    },
    async close() {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}

function question(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.subarray(at + 1, at + 1 + length).toString("latin1"));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answer(query: Buffer, code: number, values: readonly string[]): Buffer {
  const head = Buffer.from(query);
  // An answer, recursion available, as much as was asked for.
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(values.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...values.map(record)]);
}

function record(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  // Text is in parts of 255 bytes at most, which the resolver puts together.
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes.length || from === 0; from += 255) {
    const part = bytes.subarray(from, from + 255);
    parts.push(Buffer.from([part.length]), part);
  }
  const data = Buffer.concat(parts);
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc00c, 0);
  fixed.writeUInt16BE(TXT, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt16BE(data.length, 10);
  return Buffer.concat([fixed, data]);
}
