/** A command cannot run. The user sees the error's message, so the message consists of whole sentences. */
export class CommandError extends Error {}

/** The command line itself is wrong: an unknown word, or a missing or invalid argument. */
export class UsageError extends CommandError {}

/** The exit codes of commands. `denied`: the command worked, but the key or the request was refused. */
export const exitCodes = { ok: 0, error: 1, usage: 2, denied: 3 } as const;
