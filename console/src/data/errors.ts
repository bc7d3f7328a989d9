/** What is wrong at one place of the input. `location` is that place, such as `body.ratelimits[0].limit`. */
export type Flaw = { location: string; message: string; fix?: string };

type Problem = { status: number; type: string; title: string; detail: string; errors?: Flaw[] };

/** The server has refused the call. The message says why. */
export class ApiError extends Error {
  readonly status: number;
  /** the last segment of the error's `type`, such as `console_session_missing` */
  readonly code: string;
  readonly flaws: readonly Flaw[];
  readonly requestId: string;

  constructor({ status, type, detail, errors = [] }: Problem, requestId: string) {
    super(detail);
    this.status = status;
    this.code = type.slice(type.lastIndexOf("/") + 1);
    this.flaws = errors;
    this.requestId = requestId;
  }
}

/** No response arrived. */
export class ConnectionLost extends Error {
  constructor() {
    super("The server cannot be reached. Check that it runs, and try again.");
  }
}

export function isSessionMissing(error: unknown): boolean {
  return error instanceof ApiError && error.code === "console_session_missing";
}

/**
 * Returns what the error says about one field of the input, if anything. `at` is its path, such as `credits.remaining`.
 */
export function flawAt(error: unknown, at: string): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  const flaw = error.flaws.find(
    ({ location }) =>
      location === `body.${at}` || location.startsWith(`body.${at}[`) || location.startsWith(`body.${at}.`),
  );
  if (flaw === undefined) return undefined;
  const place = flaw.location === `body.${at}` ? "" : `${flaw.location.slice(5)} `;
  return sentence(`${place}${flaw.message}${flaw.fix === undefined ? "" : `: ${flaw.fix}`}`);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
