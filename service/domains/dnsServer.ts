import { isIP } from "node:net";

/** `address`, `address:port` or `[address]:port`. */
export function isDnsServer(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  return isIP(bracketed ?? plain ?? "") !== 0 && Number(port) > 0 && Number(port) <= 65_535;
}
