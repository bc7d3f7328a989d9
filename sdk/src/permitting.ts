import type { Arrival } from "./arrival.ts";
import { LatchkeyError } from "./errors.ts";
import type { GuardOptions, VerifiedKey } from "./guardOptions.ts";
import { hasPermission } from "./hasPermission.ts";
import { notPermitted, type Refusal, reshaped, unavailable } from "./refusals.ts";
import { lastVerified } from "./verified.ts";
import { faults } from "./verifying.ts";

/** The options of a guard that only checks permissions. */
export type PermissionOptions<Request> = Pick<GuardOptions<Request>, "onRefused" | "log">;

/**
 * Returns a function that checks the permissions of the key that the latest guard of the request has verified. It
 * returns a refusal, or undefined if the request may pass.
 */
export function permitting<Request>(
  permissions: string,
  options: PermissionOptions<Request>,
): (arrival: Pick<Arrival<Request>, "request" | "subject">) => Promise<Refusal | undefined> {
  const { onRefused } = options;
  const fault = faults(options);
  return async ({ request, subject }) => {
    const refusal = refusalOf(permissions, subject, fault);
    return refusal === undefined || onRefused === undefined
      ? refusal
      : reshaped(refusal, await onRefused(refusal, request));
  };
}

function refusalOf(
  permissions: string,
  subject: object,
  fault: ReturnType<typeof faults>,
): Refusal | undefined {
  const verified = lastVerified(subject);
  if (verified === undefined) {
    return fault(
      new LatchkeyError(
        `No guard has verified the request's key before its permission "${permissions}" is checked. Put a guard that verifies keys before the guard that checks permissions.`,
      ),
    );
  }
  return verified.verdict === undefined ? unavailable() : lacking(verified.verdict, permissions, fault);
}

/** Returns a refusal if the key lacks the permissions, or if `permissions` is not a valid query. */
export function lacking(
  verdict: VerifiedKey,
  permissions: string,
  fault: ReturnType<typeof faults>,
): Refusal | undefined {
  try {
    if (hasPermission(verdict, permissions)) return undefined;
  } catch (error) {
    return fault(error as LatchkeyError);
  }
  return notPermitted(permissions);
}
