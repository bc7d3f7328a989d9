import { expect, test } from "bun:test";
import { prepareHeld } from "./permissionQuery.ts";
import { judgeKey } from "./verification.ts";

const nowMs = 1_800_000_000_000;
const past = nowMs - 1;

test.each([
  { workspaceEnabled: true, enabled: true, expiresAtMs: undefined, verdict: undefined },
  { workspaceEnabled: true, enabled: true, expiresAtMs: nowMs + 1, verdict: undefined },
  { workspaceEnabled: true, enabled: true, expiresAtMs: nowMs, verdict: undefined },
  { workspaceEnabled: true, enabled: true, expiresAtMs: past, verdict: "EXPIRED" },
  { workspaceEnabled: true, enabled: true, expiresAtMs: 0, verdict: "EXPIRED" },
  { workspaceEnabled: true, enabled: false, expiresAtMs: undefined, verdict: "DISABLED" },
  { workspaceEnabled: true, enabled: false, expiresAtMs: past, verdict: "DISABLED" },
  { workspaceEnabled: false, enabled: true, expiresAtMs: undefined, verdict: "FORBIDDEN" },
  { workspaceEnabled: false, enabled: true, expiresAtMs: past, verdict: "FORBIDDEN" },
  { workspaceEnabled: false, enabled: false, expiresAtMs: undefined, verdict: "FORBIDDEN" },
  { workspaceEnabled: false, enabled: false, expiresAtMs: past, verdict: "FORBIDDEN" },
] as const)(
  "workspace $workspaceEnabled, key $enabled, expiring $expiresAtMs: $verdict is the first reason",
  ({ verdict, ...key }) => {
    const anywhere = { apiAddresses: undefined, addresses: undefined };
    expect(
      judgeKey({ ...key, ...anywhere, heldPermissions: prepareHeld([]) }, nowMs, undefined, {
        kind: "permission",
        permission: "a",
      }),
    ).toBe(verdict ?? "INSUFFICIENT_PERMISSIONS");
    expect(
      judgeKey({ ...key, ...anywhere, heldPermissions: prepareHeld(["a"]) }, nowMs, undefined, undefined),
    ).toBe(verdict);
  },
);
