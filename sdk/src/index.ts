export type * from "./answers.ts";
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
export { guard, refusalResponse } from "./guard.ts";
export type { GuardOptions, Lent, Pass, Refusal, VerifiedKey } from "./judge.ts";
export { Latchkey } from "./latchkey.ts";
export type * from "./operations.gen.ts";
export type { Fetch, LatchkeyOptions } from "./settings.ts";
