/** What a pasted text is. */
export type Pasted =
  | { kind: "id"; prefix: string; id: string }
  | { kind: "rootKey" }
  /** it may be a key, so it must not be sent */
  | { kind: "secret" }
  | { kind: "text" };

/** Our ids begin with the time, whose first letter is 0 until the year 2081. Keys never contain a 0 after the prefix. */
const ourId = /^([a-z]{2,4})_0[0-9A-Za-z]{21}$/;
/** A run of letters and digits that nobody would use as a name. */
const randomRun = /[0-9A-Za-z]{14,}/;

export function kindOf(text: string): Pasted {
  if (text.startsWith("latchkey_root_")) return { kind: "rootKey" };
  const [, prefix] = ourId.exec(text) ?? [];
  if (prefix !== undefined) return { kind: "id", prefix, id: text };
  const run = randomRun.exec(text)?.[0] ?? "";
  const isSecret = !/\s/.test(text) && /\d/.test(run) && /[A-Za-z]/.test(run);
  return { kind: isSecret ? "secret" : "text" };
}
