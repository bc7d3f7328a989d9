export type Level = "debug" | "info" | "warn" | "error";

export type Fields = Record<string, string | number | boolean | undefined>;

/** Writes one event a line; fields given as a function are made only where the event is written. */
export type Log = (level: Level, event: string, fields?: Fields | (() => Fields)) => void;

const ranks: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A log that drops what is below `level`. `json`: one object a line; `text`: for people. */
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
  return JSON.stringify({ at, level, event, ...fields });
}

function textLine(at: string, level: Level, event: string, fields: Fields): string {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        ` ${name}=${typeof value === "string" && /[\s"=]/.test(value) ? JSON.stringify(value) : value}`,
    );
  return `${at} ${level.padEnd(5)} ${event}${rest.join("")}`;
}
