/** Tests that the import can read every response that the types of Unkey's official client allow. */
import { expect, test } from "bun:test";
import type {
  Identity,
  KeyResponseData,
  Permission,
  RatelimitOverride,
  Role,
  V2ApisGetApiResponseData,
  V2KeysVerifyKeyResponseData,
} from "@unkey/api/models/components";
import type { z } from "zod";
import { parseVerdict } from "../../upstream/verdict.ts";
import {
  type shownApi,
  type shownIdentity,
  shownKey,
  type shownOverride,
  type shownPermission,
  type shownRole,
} from "./shapes.ts";

/** `true` if the schema accepts every value that the client's type allows. */
type Fits<Shown, Schema extends z.ZodType> = Shown extends z.input<Schema> ? true : false;

/** Omits credits: the client's type allows any text as interval of a refill, since a newer server may add intervals. */
const fits: [
  Fits<Omit<KeyResponseData, "credits">, typeof shownKey>,
  Fits<Identity, typeof shownIdentity>,
  Fits<Permission, typeof shownPermission>,
  Fits<Role, typeof shownRole>,
  Fits<RatelimitOverride, typeof shownOverride>,
  Fits<V2ApisGetApiResponseData, typeof shownApi>,
] = [true, true, true, true, true, true];

const identity: Identity = { id: "id_1", externalId: "user_1" };
const limit = { id: "rl_1", name: "requests", limit: 10, duration: 60_000, autoApply: true };

test("every field of a key in the official client's types is imported, or listed as not imported", () => {
  const key: KeyResponseData = {
    keyId: "key_1",
    start: "sk_abcd",
    enabled: true,
    createdAt: 1,
    updatedAt: 2,
    lastUsedAt: 3,
    expires: 4,
    name: "one",
    meta: { plan: "pro" },
    permissions: ["documents.read"],
    roles: ["editor"],
    credits: { remaining: 5, refill: { interval: "monthly", amount: 6, refillDay: 7 } },
    identity,
    ratelimits: [limit],
    plaintext: "sk_abcdefg",
  };
  const { plaintext: _, identity: __, ...others } = key;
  expect(shownKey.parse(key)).toMatchObject({ ...others, identity: { id: "id_1" } });
  expect(fits).toEqual([true, true, true, true, true, true]);
});

test("every verdict of the official client's types is understood", () => {
  const valid: V2KeysVerifyKeyResponseData = {
    valid: true,
    code: "VALID",
    keyId: "key_1",
    name: "one",
    meta: { plan: "pro" },
    expires: 4,
    credits: 5,
    enabled: true,
    permissions: ["documents.read"],
    roles: ["editor"],
    identity,
    ratelimits: [{ ...limit, exceeded: false, reset: 1, remaining: 9 }],
  };
  expect(parseVerdict({ meta: { requestId: "req_1" }, data: valid })).toMatchObject(valid as object);
  for (const code of ["NOT_FOUND", "DISABLED", "EXPIRED", "FORBIDDEN"] as const) {
    expect(parseVerdict({ data: { ...valid, valid: false, code } })?.code).toBe(code);
  }
  for (const code of ["INSUFFICIENT_PERMISSIONS", "USAGE_EXCEEDED", "RATE_LIMITED"] as const) {
    expect(parseVerdict({ data: { valid: false, code, keyId: "key_1" } })?.code).toBe(code);
  }
});
