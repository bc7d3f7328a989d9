/** Redis could not be reached, or did not reply in time. If only the reply was late, Redis may still run the call. */
export class RedisUnavailable extends Error {}

/** Redis refuses this program, and will do so until a person changes something. The message says what to change. */
export class RedisRefused extends Error {}

/** Errors of Redis or of its client that a retry does not fix: how to recognize each, and what to do. */
const refusals: readonly [pattern: RegExp, sentence: string][] = [
  [
    /WRONGPASS|NOAUTH|ERR AUTH|invalid password/i,
    "Redis refuses the login: check user and password in the address, where special characters are written as %XX",
  ],
  [
    /NOPERM|can't run this command|can't access/i,
    "the Redis user lacks permissions: give it ~latchkey:* +evalsha +eval +get +set +del +time +info, and +select if the address ends in the number of a database",
  ],
  [/unknown command/i, "the server at this address does not run scripts (EVALSHA): use Redis or Valkey"],
  [/INVALID_RESPONSE/, "the server at this address is not Redis: correct the host and the port"],
  [/DB index/i, "Redis has no database with this number: correct the number after the last / of the address"],
  [
    /HOSTNAME|ALTNAME/,
    "the certificate of Redis is for another host: use a host name in the address that the certificate contains",
  ],
  [/CERT_HAS_EXPIRED/, "the certificate of Redis has expired: renew it"],
  [
    /CERT|TLS|SSL/,
    "the certificate of Redis is not trusted: set NODE_EXTRA_CA_CERTS to a file with the certificate of its authority",
  ],
];

/**
 * Returns what a person must do about an error, as a sentence without a period at its end. Returns `undefined` if the
 * fault may go away by itself.
 */
export function refusalOf(error: unknown): string | undefined {
  const text = textOf(error);
  const sentence = refusals.find(([pattern]) => pattern.test(text))?.[1];
  return sentence && `${sentence} (${text})`;
}

/** Returns the message of an error, or of its cause if it has one. The message never contains the password. */
export function textOf(error: unknown): string {
  const { code, message, cause } = error as { code?: string; message?: string; cause?: unknown };
  if (cause !== undefined) return textOf(cause);
  const said = String(message ?? error).replace(/ script: [0-9a-f]{40}.*$/, "");
  return code === undefined || code === "ERR_REDIS_SERVER_ERROR" ? said : `${code}: ${said}`;
}

/** Returns whether only this call has failed, because of its data. If so, a new connection would not help. */
export function isAboutThisCall(error: unknown): boolean {
  return /^(ERR|WRONGTYPE)\b/.test((error as Error).message) && refusalOf(error) === undefined;
}
