import { write } from "node:fs";

export type Level = "debug" | "info" | "warn" | "error";

export type Fields = Record<string, string | number | boolean | object | undefined>;

/** Writes an event as one line. If `fields` is a function, it is called only if the event is written. */
export type Log = (level: Level, event: string, fields?: Fields | (() => Fields)) => void;

const ranks: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Creates a log that drops events below `level`. `json` writes one object per line; `text` is for people to read. */
export function makeLog(options: {
  level: Level;
  format: "json" | "text";
  nowMs(): number;
  write(line: string): void;
}): Log {
  const format = options.format === "json" ? jsonLine : textLine;
  return (level, event, fields = {}) => {
    if (ranks[level] < ranks[options.level]) return;
    const written = typeof fields === "function" ? fields() : fields;
    options.write(format(new Date(options.nowMs()).toISOString(), level, event, written));
  };
}

function jsonLine(at: string, level: Level, event: string, fields: Fields): string {
  return escaped(JSON.stringify({ at, level, event, ...fields }));
}

function textLine(at: string, level: Level, event: string, fields: Fields): string {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${textName(name)}=${textValue(value)}`);
  return `${at} ${level.padEnd(5)} ${event}${rest.join("")}`;
}

/** Formats a value. It is quoted unless it is one word of visible ASCII. Hidden characters are escaped. */
function textValue(value: Fields[string]): string {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (/^[!-~]+$/.test(text) && !/["=]/.test(text)) return text;
  const quoted = typeof value === "object" ? text : JSON.stringify(text);
  return escaped(quoted);
}

function textName(name: string): string {
  return /^[!-~]+$/.test(name) && !/["=]/.test(name) ? name : escaped(JSON.stringify(name));
}

/**
 * characters that a log shows as `\u…`: controls, line separators, and characters that are invisible or change the text
 * direction
 */
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Escapes hidden characters in JSON text. The result parses to the same value. */
function escaped(json: string): string {
  return json.replace(hidden, (character) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}

const mostWaitingChars = 8 * 1024 * 1024;
const againAfterMs = 20;

/**
 * Returns a function that writes lines to an open file without waiting, so the program goes on when the reader stalls
 * or the disk is full. Drops lines that cannot be written, and new lines while more than 8 Mi characters are waiting.
 */
export function lineWriter(fd: number): (line: string) => void {
  let waiting: string[] = [];
  let waitingChars = 0;
  let busy = false;

  function writeNext(): void {
    busy = waiting.length > 0;
    if (!busy) return;
    const bytes = Buffer.from(waiting.join(""));
    waiting = [];
    waitingChars = 0;
    writeFrom(bytes, 0);
  }

  function writeFrom(bytes: Buffer, from: number): void {
    write(fd, bytes, from, bytes.length - from, null, (error, written) => {
      if (error?.code === "EAGAIN") setTimeout(() => writeFrom(bytes, from), againAfterMs);
      else if (error === null && from + written < bytes.length) writeFrom(bytes, from + written);
      else writeNext();
    });
  }

  return (line) => {
    if (waitingChars > mostWaitingChars) return;
    waiting.push(line, "\n");
    waitingChars += line.length + 1;
    if (!busy) writeNext();
  };
}

/** The part of a JSON Schema that says what may be logged: every field that is not marked `secret` or `private`. */
export type MarkedSchema = {
  secret?: boolean;
  private?: boolean;
  type?: string;
  properties?: Record<string, MarkedSchema>;
  items?: MarkedSchema;
  anyOf?: MarkedSchema[];
};

const longestText = 200;
const mostItems = 20;
const unexpected = "[unexpected]";

/**
 * Returns a copy of a value that may be logged. Marked fields become `[secret]` or `[private]`. If a field is not in
 * the schema, its name and value both become `[unexpected]`, because the caller may have put a secret in the wrong
 * place. Long texts and lists are cut.
 */
export function redact(schema: MarkedSchema, value: unknown): unknown {
  const either = [schema, ...(schema.anyOf ?? [])];
  if (either.some((one) => one.secret === true)) return "[secret]";
  if (either.some((one) => one.private === true)) return "[private]";
  if (typeof value === "string") return either.some((one) => one.type === "string") ? cut(value) : unexpected;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return redactItems(either.find((one) => one.items !== undefined)?.items, value);
  }
  return redactMembers(either.find((one) => one.properties !== undefined)?.properties, value);
}

function cut(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}

function redactItems(schema: MarkedSchema | undefined, items: readonly unknown[]): unknown {
  if (schema === undefined) return unexpected;
  const shown = items.slice(0, mostItems).map((item) => redact(schema, item));
  return items.length > mostItems ? [...shown, `… ${items.length - mostItems} more`] : shown;
}

function redactMembers(properties: Record<string, MarkedSchema> | undefined, value: object): unknown {
  if (properties === undefined) return unexpected;
  const shown: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema === undefined) shown[unexpected] = unexpected;
    else shown[name] = redact(schema, member);
  }
  return shown;
}
