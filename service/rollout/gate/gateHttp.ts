import { lookup as lookUp } from "node:dns";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";

/**
 * Asks a URL that an operator has written into a rollout. Such a URL must not be a way into the network that the service is in: what
 * has no public address is refused, after its name was resolved and for the very connection that is made, unless the service's
 * own settings list the host. Redirects are not followed, an answer is read up to a bound, and no header tells who asks.
 */
export interface GateAnswer {
  readonly status: number;
  readonly body: string;
}

export interface GateRequest {
  readonly url: URL;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** `host`, `host:port` or `*.domain`: may have any address, and may be asked without TLS. */
  readonly allowed: readonly string[];
  readonly signal?: AbortSignal;
}

export class GateRefusal extends Error {}

export async function askGate(asked: GateRequest): Promise<GateAnswer> {
  const { url, allowed, timeoutMs } = asked;
  const isAllowed = isListed(url, allowed);
  if (!isAllowed) refuseUnsafe(url);
  const signals = [AbortSignal.timeout(timeoutMs), ...(asked.signal ? [asked.signal] : [])];
  const signal = AbortSignal.any(signals);
  return new Promise((resolve, reject) => {
    const ask = url.protocol === "https:" ? tlsRequest : plainRequest;
    const lookup = isAllowed ? {} : { lookup: publicOnly };
    const request = ask(url, { method: "GET", agent: false, signal, ...lookup }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= asked.maxBytes) chunks.push(chunk);
        else response.destroy(new GateRefusal(`its answer is longer than ${asked.maxBytes} bytes`));
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      );
      response.on("error", reject);
    });
    request.on("error", (thrown) => {
      const isLate = signal.aborted && asked.signal?.aborted !== true;
      reject(
        isLate ? new GateRefusal(`it did not answer within ${timeoutMs} ms`, { cause: thrown }) : thrown,
      );
    });
    request.end();
  });
}

function isListed({ hostname, port, protocol }: URL, allowed: readonly string[]): boolean {
  const withPort = `${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
  return allowed.some((entry) =>
    entry.startsWith("*.") ? hostname.endsWith(entry.slice(1)) : entry === hostname || entry === withPort,
  );
}

function refuseUnsafe({ protocol, hostname, username }: URL): void {
  if (username !== "") throw new GateRefusal("its URL must not hold a user's name or password");
  if (protocol !== "https:") {
    throw new GateRefusal(`${hostname} must be asked over https, unless --gate-hosts lists it`);
  }
  const literal = hostname.replace(/^\[|\]$/g, "");
  if (isIP(literal) !== 0 && isPrivate(literal)) throw notPublic(hostname, literal);
}

/** Resolves as the connection does, so that a name cannot have one address when it is checked and another when it is used. */
const publicOnly: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0);
    const hidden = addresses.find(({ address }) => isPrivate(address));
    const [first] = addresses;
    if (hidden !== undefined || first === undefined) {
      return callback(notPublic(hostname, hidden?.address ?? "none"), "", 0);
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function notPublic(hostname: string, address: string): GateRefusal {
  return new GateRefusal(
    `${hostname} must have a public address, and has ${address}; list it in --gate-hosts if it is meant`,
  );
}

const hiddenNetworks = new BlockList();
for (const [network, bits] of [
  ...([
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
  ] as const),
  ...([
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
    ["192.168.0.0", 16],
  ] as const),
  ...([
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
    ["203.0.113.0", 24],
    ["224.0.0.0", 3],
  ] as const),
] as const) {
  hiddenNetworks.addSubnet(network, bits, "ipv4");
}
for (const [network, bits] of [
  ...([
    ["::", 128],
    ["::1", 128],
    ["64:ff9b::", 96],
    ["64:ff9b:1::", 48],
    ["100::", 64],
  ] as const),
  ...([
    ["2001:db8::", 32],
    ["2002::", 16],
    ["fc00::", 7],
    ["fe80::", 10],
    ["ff00::", 8],
  ] as const),
] as const) {
  hiddenNetworks.addSubnet(network, bits, "ipv6");
}

/** Of this machine, of a private network, or nobody's. An IPv4 address in IPv6's clothes counts as what it is. */
export function isPrivate(address: string): boolean {
  if (isIP(address) === 4) return hiddenNetworks.check(address, "ipv4");
  const mapped = mappedIpv4(address);
  if (mapped !== undefined) return hiddenNetworks.check(mapped, "ipv4");
  return hiddenNetworks.check(address, "ipv6");
}

function mappedIpv4(address: string): string | undefined {
  const [, dotted] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (dotted !== undefined) return dotted;
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const [first, second] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [first >> 8, first & 255, second >> 8, second & 255].join(".");
}
