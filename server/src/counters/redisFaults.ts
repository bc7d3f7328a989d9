/** Redis did not do it, or did not say so in time: what was asked may still be done. */
export class RedisUnavailable extends Error {}

/** Redis will not serve this program until a person changes something; the message is a sentence about what. */
export class RedisRefused extends Error {}

/** What waiting or another connection will not mend. */
const refusals: readonly [pattern: RegExp, sentence: string][] = [
  [
    /WRONGPASS|NOAUTH|ERR AUTH|invalid password/i,
    "Redis refuses the login: check user and password (special characters as %XX)",
  ],
  [
    /NOPERM|can't run this command|can't access/i,
    "the user may not do all that is needed on Redis: give it ~latchkey:* +evalsha +eval +get +set +del +time +info",
  ],
  [/unknown command/i, "what answers there does not run scripts (EVALSHA), as Redis and Valkey do"],
  [/INVALID_RESPONSE/, "what answers there is not Redis"],
  [/DB index/i, "there is no database of that number on Redis"],
  [
    /CERT|TLS|SSL|HOSTNAME|ALTNAME/,
    "the certificate of Redis is not trusted: name the file of its authority in NODE_EXTRA_CA_CERTS",
  ],
];

/** A sentence without its end; undefined where the fault may pass by itself. */
export function refusalOf(error: unknown): string | undefined {
  const text = textOf(error);
  const sentence = refusals.find(([pattern]) => pattern.test(text))?.[1];
  return sentence && `${sentence} (${text})`;
}

/** What the client or Redis said; neither ever quotes the password. */
export function textOf(error: unknown): string {
  const { code, message, cause } = error as { code?: string; message?: string; cause?: unknown };
  if (cause !== undefined) return textOf(cause);
  const said = String(message ?? error).replace(/ script: [0-9a-f]{40}.*$/, "");
  return code === undefined || code === "ERR_REDIS_SERVER_ERROR" ? said : `${code}: ${said}`;
}

/** Redis answered, and the answer is about this call alone: nothing that another connection would mend. */
export function isAboutThisCall(error: unknown): boolean {
  return /^(ERR|WRONGTYPE)\b/.test((error as Error).message) && refusalOf(error) === undefined;
}
