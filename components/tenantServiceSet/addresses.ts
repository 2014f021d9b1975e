/** Arithmetic on IPv4 blocks, for the subnets of tenants that have their own. */
const ADDRESS_BITS = 32;

/** The `index`-th block of `mask` bits in a block. Throws when it lies outside. */
export function subBlock(cidrBlock: string, mask: number, index: number): string {
  const { start, mask: outer } = parse(cidrBlock);
  const blocks = 2 ** (mask - outer);
  if (mask < outer || mask > ADDRESS_BITS || !Number.isInteger(index) || index < 0 || index >= blocks) {
    throw new Error(
      `Cannot divide ${cidrBlock}: block ${index} of /${mask} must lie within it. Take a smaller index or block.`,
    );
  }
  const address = start + index * 2 ** (ADDRESS_BITS - mask);
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
  return `${octets.join(".")}/${mask}`;
}

function parse(cidrBlock: string): { readonly start: number; readonly mask: number } {
  const matched = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidrBlock);
  const [, ...numbers] = (matched ?? []).map(Number);
  const [mask = Number.NaN, ...octets] = [numbers.at(-1) ?? Number.NaN, ...numbers.slice(0, 4)];
  const start = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const valid = octets.length === 4 && octets.every((octet) => octet < 256) && mask <= ADDRESS_BITS;
  if (valid && start % 2 ** (ADDRESS_BITS - mask) === 0) return { start, mask };
  throw new Error(`Cannot read ${cidrBlock}: it must be an IPv4 block such as 10.0.0.0/16`);
}

/** Blocks of /24 in the quarter of a plane's /16 that its own subnets leave free. */
export const TENANT_SUBNET_BLOCKS = 64;
const TENANT_BLOCK_MASK = 24;
/** Zones of a plane take three quarters of its /16; the fourth is kept for tenants with subnets of their own. */
const FREE_QUARTER = 3;

/** The addresses of one tenant's own subnets in a plane's VPC (a /16): a /24 for two zones. */
export function tenantSubnetBlock(vpcCidrBlock: string, block: number): string {
  const quarter = subBlock(vpcCidrBlock, 18, FREE_QUARTER);
  return subBlock(quarter, TENANT_BLOCK_MASK, block);
}
