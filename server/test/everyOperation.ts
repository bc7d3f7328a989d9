import { expect } from "bun:test";
import { Failure, type Flaw } from "../src/errors/failure.ts";
import type { Operation, Permission } from "../src/operation.ts";
import { parseInput } from "../src/parse.ts";
import type { Reply } from "./harness.ts";

/** The permissions that a call needs, unless it has the operation's `orPermission`. */
export const needsOf = (operation: Operation): Permission[] => [
  operation.permission,
  ...(operation.alsoNeeds ?? []),
];
/**
 * Whether this server offers the operation. Some operations exist only to return the error that they are not offered.
 */
export const isOffered = ({ output, example }: Operation) =>
  output === undefined || example.output !== undefined;
/** The permission for all resources, which has `*` in place of `<id>`. */
export const forAll = (permission: Permission) => permission.replace("<id>", "*");

/** What the operation's schema finds wrong in this body. */
export function flawsOf(operation: Operation, body: unknown): readonly Flaw[] {
  try {
    parseInput(operation.input, body);
    return [];
  } catch (error) {
    if (error instanceof Failure) return error.flaws;
    throw error;
  }
}

/** Expects the members and headers that every error response has. */
export function expectErrorResponse(reply: Reply, status: number): void {
  const { requestId } = reply.body.meta;
  const { errors, ...error } = reply.body.error;
  expect({ ...reply.body, error }).toEqual({
    meta: { requestId: reply.headers.get("x-request-id") },
    error: {
      title: expect.any(String),
      detail: expect.any(String),
      status,
      type: expect.stringMatching(/^http:\/\/.*\/errors\/(unkey|user)\/[a-z_]+\/[a-z_]+$/),
    },
  });
  expect(requestId).toMatch(/^req_[0-9A-Za-z]{22}$/);
  expect(reply.headers.get("cache-control")).toBe("no-store");
  expect(reply.status).toBe(status);
  if (status === 400) expect(errors).toBeArray();
}
