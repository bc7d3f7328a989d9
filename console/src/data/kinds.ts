/** What the user has typed or pasted into a search. */
export type Pasted =
  | { kind: "id"; prefix: string; id: string }
  | { kind: "rootKey" }
  /** the text may be a key, so it must not be sent to the server */
  | { kind: "secret" }
  | { kind: "text" };

/**
 * An id of a Latchkey record. After its prefix comes the record's time of creation, whose first character is 0 until
 * the year 2081. A key never has a 0 after its prefix.
 */
const ourId = /^([a-z]{2,4})_0[0-9A-Za-z]{21}$/;
/** A sequence of letters and digits that is too long to be a name. */
const randomRun = /[0-9A-Za-z]{14,}/;

export function kindOf(text: string): Pasted {
  if (text.startsWith("latchkey_root_")) return { kind: "rootKey" };
  const [, prefix] = ourId.exec(text) ?? [];
  if (prefix !== undefined) return { kind: "id", prefix, id: text };
  const run = randomRun.exec(text)?.[0] ?? "";
  const isSecret = !/\s/.test(text) && /\d/.test(run) && /[A-Za-z]/.test(run);
  return { kind: isSecret ? "secret" : "text" };
}
