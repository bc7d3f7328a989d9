export type * from "./calls.ts";
export {
  AbortError,
  ApiError,
  BadRequestError,
  ConflictError,
  ConnectionError,
  ContentTooLargeError,
  type Flaw,
  ForbiddenError,
  InternalServerError,
  LatchkeyError,
  NotFoundError,
  PreconditionFailedError,
  ResponseFormatError,
  ServiceUnavailableError,
  TimeoutError,
  TooManyRequestsError,
  UnauthorizedError,
  UnprocessableError,
  UnsupportedMediaTypeError,
} from "./errors.ts";
export { guard } from "./guard.ts";
export type { GuardedKey, GuardOptions, VerifiedKey } from "./guardOptions.ts";
export { hasPermission } from "./hasPermission.ts";
export type { HookOutcome, HookRequest, Hooks } from "./hooks.ts";
export type * from "./operations.gen.ts";
export { type Problem, type Refusal, type Reply, refusalResponse } from "./refusals.ts";
export type { LatchkeyOptions } from "./settings.ts";
export { settleAfter } from "./settleAfter.ts";
export type { Fetch } from "./transport.ts";
export type { Pass } from "./verifying.ts";
