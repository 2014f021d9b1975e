/** Every case there is. Each resource type of the catalogue is the subject of one at least; a test counts. */
import type { Case } from "./case.ts";
import { balancingCases } from "./cases/balancing.ts";
import { containerCases } from "./cases/containers.ts";
import { databaseCases } from "./cases/databases.ts";
import { identityCases } from "./cases/identity.ts";
import { namingCases } from "./cases/naming.ts";
import { networkCases } from "./cases/network.ts";
import { networkAccessCases } from "./cases/networkAccess.ts";
import { secretCases } from "./cases/secrets.ts";
import { storageCases } from "./cases/storage.ts";

export const cases: readonly Case[] = [
  ...networkCases,
  ...networkAccessCases,
  ...balancingCases,
  ...namingCases,
  ...containerCases,
  ...identityCases,
  ...storageCases,
  ...secretCases,
  ...databaseCases,
];
