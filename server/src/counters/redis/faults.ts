/** Redis did not run the call, or did not reply in time. In the latter case, it may still run the call. */
export class RedisUnavailable extends Error {}

/** Redis refuses this program until a person changes something. The message says what. */
export class RedisRefused extends Error {}

/** faults that neither waiting nor a new connection fixes, and what to do about each */
const refusals: readonly [pattern: RegExp, sentence: string][] = [
  [
    /WRONGPASS|NOAUTH|ERR AUTH|invalid password/i,
    "Redis refuses the login: check user and password (write special characters as %XX)",
  ],
  [
    /NOPERM|can't run this command|can't access/i,
    "the Redis user lacks permissions: give it ~latchkey:* +evalsha +eval +get +set +del +time +info",
  ],
  [/unknown command/i, "the server there does not run scripts (EVALSHA), as Redis and Valkey do"],
  [/INVALID_RESPONSE/, "the server there is not Redis"],
  [/DB index/i, "Redis has no database with that number"],
  [
    /CERT|TLS|SSL|HOSTNAME|ALTNAME/,
    "the certificate of Redis is not trusted: set NODE_EXTRA_CA_CERTS to the file of its certificate authority",
  ],
];

/**
 * Returns what to do about an error, as a sentence without its period. Returns `undefined` if
 * the fault may go away by itself.
 */
export function refusalOf(error: unknown): string | undefined {
  const text = textOf(error);
  const sentence = refusals.find(([pattern]) => pattern.test(text))?.[1];
  return sentence && `${sentence} (${text})`;
}

/** Returns the message of the client or of Redis. It never contains the password. */
export function textOf(error: unknown): string {
  const { code, message, cause } = error as { code?: string; message?: string; cause?: unknown };
  if (cause !== undefined) return textOf(cause);
  const said = String(message ?? error).replace(/ script: [0-9a-f]{40}.*$/, "");
  return code === undefined || code === "ERR_REDIS_SERVER_ERROR" ? said : `${code}: ${said}`;
}

/** Whether the error concerns only this call, so that a new connection would not fix it. */
export function isAboutThisCall(error: unknown): boolean {
  return /^(ERR|WRONGTYPE)\b/.test((error as Error).message) && refusalOf(error) === undefined;
}
