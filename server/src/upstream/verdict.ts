import { z } from "zod";
import { refusalCodes } from "../domain/verification.ts";

const text = (max: number) => z.string().max(max);
const count = z.int().min(0);
const flag = z.boolean();
const meta = z.record(z.string(), z.unknown());
const names = z.array(text(1_000)).max(10_000);

const ratelimit = z.object({
  id: text(255),
  name: text(255),
  limit: count,
  duration: count,
  autoApply: flag,
});

const identity = z.object({
  id: text(255),
  externalId: text(255),
  meta: meta.default({}),
  ratelimits: z.array(ratelimit).max(100).default([]),
});

/** The fields of a verdict on a key that exists. Other fields are dropped. */
const fields = {
  keyId: z.string().regex(/^[A-Za-z0-9_]{3,255}$/),
  name: text(1_000).optional(),
  meta: meta.optional(),
  expires: count.optional(),
  credits: count.optional(),
  creditsOwner: z.enum(["key", "identity"]).optional(),
  enabled: flag.default(true),
  permissions: names.optional(),
  roles: names.optional(),
  identity: identity.optional(),
  ratelimits: z
    .array(ratelimit.extend({ id: text(255).default(""), reset: count, remaining: count, exceeded: flag }))
    .max(200)
    .optional(),
};

/**
 * The schema of the upstream's response to a verification. It has bounds, because the upstream may be wrong or hostile.
 */
const response = z.object({
  data: z.discriminatedUnion("code", [
    z.object({ valid: z.literal(true), code: z.literal("VALID"), ...fields }),
    z.object({ valid: z.literal(false), code: z.literal("NOT_FOUND") }),
    z.object({ valid: z.literal(false), code: z.enum(refusalCodes), ...fields }),
  ]),
});

export type Verdict = z.output<typeof response>["data"];

/** Parses the response to a verification. Returns `undefined` if `body` is not such a response. */
export function parseVerdict(body: unknown): Verdict | undefined {
  return response.safeParse(body).data?.data;
}

/** The errors with which the upstream may reject a request instead of verifying the key. */
export const requestRefusals = [
  "invalid_input",
  "permissions_query_syntax_error",
  "precondition_failed",
] as const;

const problem = z.object({ error: z.object({ type: z.string().max(2_000) }) });

/**
 * Parses an error of the upstream. Returns the last segment of the URL in its `type`, or `undefined` if it is not one
 * of `requestRefusals`.
 */
export function parseRefusal(body: unknown): (typeof requestRefusals)[number] | undefined {
  const type = problem.safeParse(body).data?.error.type ?? "";
  return requestRefusals.find((one) => type.endsWith(`/${one}`));
}
