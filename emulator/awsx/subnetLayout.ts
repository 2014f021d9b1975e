/** Where the subnets of `awsx:ec2:Vpc` lie. Pure, and the same addresses as the real component for the same arguments. */

export type SubnetKind = "Public" | "Private" | "Isolated" | "Unused";
export type SubnetStrategy = "Legacy" | "Auto" | "AutoMerge" | "Exact";

export interface SubnetSpec {
  readonly type: SubnetKind;
  readonly name?: string;
  readonly cidrMask?: number;
  /** Addresses; another way to say `cidrMask`. */
  readonly size?: number;
  /** One block per zone; then every spec must have them. */
  readonly cidrBlocks?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
}

export interface LayoutArgs {
  readonly name: string;
  readonly cidrBlock: string;
  readonly zones: readonly string[];
  readonly strategy: SubnetStrategy;
  readonly specs: readonly SubnetSpec[] | undefined;
  readonly zoneMask?: number;
}

export interface PlannedSubnet {
  readonly name: string;
  readonly type: SubnetKind;
  readonly zone: string;
  readonly zoneIndex: number;
  readonly cidrBlock: string;
  readonly tags: Readonly<Record<string, string>>;
}

interface Block {
  readonly start: number;
  readonly mask: number;
}

/** The smallest block AWS takes as a subnet. */
const SMALLEST_MASK = 28;
const ADDRESS_BITS = 32;

/** The largest mask (smallest block) each kind gets when the legacy strategy chooses. */
const LEGACY_MASKS: Readonly<Record<SubnetKind, number>> = {
  Private: 19,
  Public: 20,
  Isolated: 24,
  Unused: SMALLEST_MASK,
};
const LEGACY_ORDER: readonly SubnetKind[] = ["Private", "Public", "Isolated"];

function sizeOf(mask: number): number {
  return 2 ** (ADDRESS_BITS - mask);
}

export function parseCidr(cidr: string): Block {
  const [address = "", maskText = ""] = cidr.split("/");
  const octets = address.split(".").map(Number);
  const mask = Number(maskText);
  const valid =
    octets.length === 4 &&
    octets.every((octet) => Number.isInteger(octet) && octet >= 0 && octet < 256) &&
    /^\d{1,2}$/.test(maskText) &&
    mask <= ADDRESS_BITS;
  if (!valid) {
    throw new Error(`Cannot lay out the VPC: cidrBlock must be like 10.0.0.0/16, got ${cidr}.`);
  }
  const start = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  return { start: start - (start % sizeOf(mask)), mask };
}

function formatCidr(block: Block): string {
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(block.start / 2 ** shift) % 256);
  return `${octets.join(".")}/${block.mask}`;
}

/** The first aligned block of this size at or after `address`. */
function alignedFrom(address: number, mask: number): Block {
  const size = sizeOf(mask);
  return { start: Math.ceil(address / size) * size, mask };
}

/** Bits that `count` equal parts take. */
function bitsFor(count: number): number {
  return count <= 1 ? 0 : Math.ceil(Math.log2(count));
}

export function layOutSubnets(args: LayoutArgs): readonly PlannedSubnet[] {
  if (args.specs?.some((spec) => spec.cidrBlocks !== undefined) === true)
    return explicitLayout(args, args.specs);
  const vpc = parseCidr(args.cidrBlock);
  const zoneMask = args.zoneMask ?? vpc.mask + bitsFor(args.zones.length);
  const specs = sizedSpecs(args, zoneMask);
  return args.zones.flatMap((zone, zoneIndex) => {
    const zoneStart = vpc.start + zoneIndex * sizeOf(zoneMask);
    let next = zoneStart;
    return specs.map(({ spec, mask }) => {
      const block = alignedFrom(next, mask);
      next = block.start + sizeOf(mask);
      if (next > zoneStart + sizeOf(zoneMask)) {
        throw new Error(
          `Subnets are too large for VPC. Each zone has ${sizeOf(zoneMask)} addresses, ` +
            `but subnets require at least ${next - zoneStart}.`,
        );
      }
      return planned(args, spec, zone, zoneIndex, formatCidr(block));
    });
  });
}

interface SizedSpec {
  readonly spec: SubnetSpec;
  readonly mask: number;
}

function sizedSpecs(args: LayoutArgs, zoneMask: number): readonly SizedSpec[] {
  if (args.specs === undefined || args.strategy === "AutoMerge") {
    return defaultSpecs(zoneMask, args.specs ?? []);
  }
  if (args.specs.length === 0) throw new Error("No subnets specified");
  const { specs } = args;
  if (args.strategy === "Legacy") {
    const extraBits = specs.length === 1 ? 0 : 1;
    return LEGACY_ORDER.flatMap((type) => specs.filter((spec) => spec.type === type)).map((spec) => ({
      spec,
      mask: givenMask(spec) ?? Math.max(zoneMask + extraBits, LEGACY_MASKS[spec.type]),
    }));
  }
  const evenMask = zoneMask + bitsFor(specs.length);
  return specs.map((spec) => ({ spec, mask: givenMask(spec) ?? evenMask }));
}

function givenMask(spec: SubnetSpec): number | undefined {
  if (spec.cidrMask !== undefined) return spec.cidrMask;
  return spec.size === undefined ? undefined : ADDRESS_BITS - Math.log2(spec.size);
}

/** Half of a zone private, a quarter public, the rest free; of large VPCs only a /16 per zone. */
function defaultSpecs(zoneMask: number, settings: readonly SubnetSpec[]): readonly SizedSpec[] {
  if (zoneMask > SMALLEST_MASK - 2) {
    throw new Error(
      `Automatic subnet creation requires a VPC with at least /${SMALLEST_MASK - 2} available per AZ, ` +
        `but only /${zoneMask} is available.`,
    );
  }
  const mask = Math.max(zoneMask, 16);
  const merged = (type: SubnetKind, size: number): SizedSpec => {
    const spec = settings.find((setting) => setting.type === type) ?? { type };
    return { spec, mask: givenMask(spec) ?? size };
  };
  return [merged("Private", mask + 1), merged("Public", mask + 2)];
}

function explicitLayout(args: LayoutArgs, specs: readonly SubnetSpec[]): readonly PlannedSubnet[] {
  for (const [index, spec] of specs.entries()) {
    if (spec.cidrBlocks?.length === args.zones.length) continue;
    throw new Error(
      `Invalid subnet specifications: the number of CIDR blocks in subnetSpecs[${index}] must match the number ` +
        `of availability zones (${args.zones.length}), got ${spec.cidrBlocks?.length ?? 0}.`,
    );
  }
  return args.zones.flatMap((zone, zoneIndex) =>
    specs.map((spec) => planned(args, spec, zone, zoneIndex, spec.cidrBlocks?.[zoneIndex] ?? "")),
  );
}

function planned(
  args: LayoutArgs,
  spec: SubnetSpec,
  zone: string,
  zoneIndex: number,
  cidrBlock: string,
): PlannedSubnet {
  const name = `${args.name}-${spec.name ?? spec.type.toLowerCase()}-${zoneIndex + 1}`;
  return { name, type: spec.type, zone, zoneIndex, cidrBlock, tags: spec.tags ?? {} };
}
