import { z } from "zod";

/**
 * The schemas of Unkey's responses. Bounds are not checked here, because the records that are created from the
 * responses are validated.
 */
const text = z.string().max(65_536);
const count = z.int().min(0);

export const shownPermission = z.object({
  id: text,
  name: text,
  slug: text,
  description: text.optional(),
});

export const shownRole = z.object({
  id: text,
  name: text,
  description: text.optional(),
  permissions: z.array(shownPermission).default([]),
});

/**
 * Unkey returns only the id and the name of an api. If the other server is a Latchkey, it also returns the optional
 * fields.
 */
export const shownApi = z.object({
  id: text,
  name: text,
  keyspaceId: text.optional(),
  deleteProtection: z.boolean().optional(),
  defaultPrefix: text.optional(),
  defaultByteLength: count.optional(),
  ipAllowList: z.array(text).optional(),
});

export const shownOverride = z.object({
  overrideId: text,
  namespaceId: text.optional(),
  identifier: text,
  limit: count,
  duration: count,
});

const shownLimit = z.object({ id: text, name: text, limit: count, duration: count, autoApply: z.boolean() });

const meta = z.record(z.string(), z.unknown());

export const shownIdentity = z.object({
  id: text,
  externalId: text,
  meta: meta.default({}),
  ratelimits: z.array(shownLimit).default([]),
});

export const shownKey = z.object({
  keyId: text,
  start: text.default(""),
  enabled: z.boolean(),
  createdAt: count,
  updatedAt: count.optional(),
  lastUsedAt: count.optional(),
  name: text.optional(),
  meta: meta.optional(),
  expires: count.optional(),
  permissions: z.array(text).default([]),
  roles: z.array(text).default([]),
  credits: z
    .object({
      remaining: count.nullable(),
      refill: z
        .object({ interval: z.enum(["daily", "monthly"]), amount: count, refillDay: count.optional() })
        .optional(),
    })
    .optional(),
  identity: z.object({ id: text }).optional(),
  ratelimits: z.array(shownLimit).default([]),
  ipAllowList: z.array(text).optional(),
});

export type ShownKey = z.output<typeof shownKey>;
export type ShownLimit = z.output<typeof shownLimit>;
