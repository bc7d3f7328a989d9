import { analyticsCases } from "./cases/analytics.ts";
import { apiCases } from "./cases/apis.ts";
import type { Case } from "./cases/case.ts";
import { grantCases } from "./cases/grants.ts";
import { identityCases } from "./cases/identities.ts";
import { keyCases } from "./cases/keys.ts";
import { rbacCases } from "./cases/permissions.ts";
import { ratelimitCases } from "./cases/ratelimit.ts";
import { verificationCases } from "./cases/verification.ts";

/** Every operation that an official client offers and this server serves. */
export const cases: readonly Case[] = [
  ...apiCases,
  ...identityCases,
  ...keyCases,
  ...grantCases,
  ...verificationCases,
  ...rbacCases,
  ...ratelimitCases,
  ...analyticsCases,
];
