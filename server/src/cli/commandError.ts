/** The command cannot run. The message is one sentence. */
export class CommandError extends Error {}

/** The command line itself is wrong: an unknown word, or a missing or invalid argument. */
export class UsageError extends CommandError {}

/** What a command exits with. `denied`: the key or the request was checked and refused. */
export const exitCodes = { ok: 0, error: 1, usage: 2, denied: 3 } as const;
