import { analyticsCases } from "./cases/analytics.ts";
import { apiCases } from "./cases/apis.ts";
import type { Case } from "./cases/case.ts";
import { grantCases } from "./cases/grants.ts";
import { identityCases } from "./cases/identities.ts";
import { keyCases } from "./cases/keys.ts";
import { rbacCases } from "./cases/permissions.ts";
import { ratelimitCases } from "./cases/ratelimit.ts";
import { rootKeyCases } from "./cases/rootKeys.ts";
import { verificationCases } from "./cases/verification.ts";
import { workspaceCases } from "./cases/workspace.ts";

/** The cases of every operation that an official client offers and this server serves. */
export const cases: readonly Case[] = [
  ...apiCases,
  ...identityCases,
  ...keyCases,
  ...grantCases,
  ...verificationCases,
  ...rbacCases,
  ...ratelimitCases,
  ...analyticsCases,
  ...rootKeyCases,
  ...workspaceCases,
];

/** Operations that Unkey's Go client and Python 2.6.0 lack, but a newer client has. In the order of `cases`. */
export const onlyInNewest: readonly string[] = [
  "permissions.setRolePermissions",
  "permissions.updatePermission",
  "permissions.updateRole",
  "analytics.getRatelimits",
  "analytics.getGatewayRequests",
  "analytics.getRuntimeLogs",
  "rootKeys.createKey",
  "rootKeys.listKeys",
  "rootKeys.updateKey",
  "rootKeys.rerollKey",
  "rootKeys.deleteKey",
  "workspace.getLimits",
  "workspace.getUsage",
];
