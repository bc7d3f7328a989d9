/**
 * Functions that find positions in the SQL of a dump. They return -1 if the text ends before the position is certain.
 * Then more of the dump must be read.
 */

const backslash = 92;

/** The position after spaces and line ends; the length of the text if it ends with them. */
export function spaceEnd(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) <= 32) at += 1;
  return at;
}

/** The position after the comment that begins at `at`; `at` itself if no comment begins there. */
export function commentEnd(text: string, at: number): number {
  const isExecutable = text.startsWith("/*!", at) || text.startsWith("/*M!", at);
  return isExecutable ? executableEnd(text, at + 3) : plainCommentEnd(text, at);
}

/**
 * The position after a comment that began with `/*!`. MySQL runs the SQL in it, so a quoted text in it may contain the
 * characters that otherwise end the comment.
 */
function executableEnd(text: string, start: number): number {
  for (let at = start; at !== -1 && at < text.length; at = partEnd(text, at, plainCommentEnd)) {
    if (text.startsWith("*/", at)) return at + 2;
  }
  return -1;
}

function plainCommentEnd(text: string, at: number): number {
  if (text.startsWith("/*", at)) return after(text, "*/", at + 2);
  const isLine = text[at] === "#" || (text.startsWith("--", at) && text.charCodeAt(at + 2) <= 32);
  return isLine ? after(text, "\n", at) : at;
}

function after(text: string, mark: string, start: number): number {
  const at = text.indexOf(mark, start);
  return at === -1 ? -1 : at + mark.length;
}

/** The position after the closing quote of the text whose opening quote is at `start`. */
export function quotedEnd(text: string, start: number): number {
  const quote = text.charCodeAt(start);
  const hasEscapes = text[start] !== "`";
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === backslash && hasEscapes) at += 1;
    else if (code !== quote) continue;
    else if (at + 1 >= text.length) return -1;
    else if (text.charCodeAt(at + 1) === quote) at += 1;
    else return at + 1;
  }
  return -1;
}

/** The position after a statement's semicolon. */
export function statementEnd(text: string, start: number): number {
  for (let at = start; at < text.length; ) {
    const character = text[at];
    if (character === ";") return at + 1;
    const end = partEnd(text, at);
    if (end === -1) return -1;
    at = end;
  }
  return -1;
}

/** The position after the quoted text or the comment that begins at `at`; the next position if none begins there. */
export function partEnd(text: string, at: number, endOfComment = commentEnd): number {
  const character = text[at];
  if (character === "'" || character === '"' || character === "`") return quotedEnd(text, at);
  if (character !== "/" && character !== "-" && character !== "#") return at + 1;
  if (at + 2 >= text.length) return -1;
  const end = endOfComment(text, at);
  return end === at ? at + 1 : end;
}

export type Name = { name: string; end: number };

/** The last part of a name such as `shop`.`keys`, with or without quotes; undefined if no name begins at `start`. */
export function nameAt(text: string, start: number): Name | undefined {
  const first = partOfName(text, start);
  if (first === undefined || text[first.end] !== ".") return first;
  return partOfName(text, first.end + 1);
}

const bareName = /[\w$\x80-\xff]+/y;

function partOfName(text: string, start: number): Name | undefined {
  const quote = text[start];
  if (quote === "`" || quote === '"') {
    const end = quotedEnd(text, start);
    if (end === -1) return undefined;
    return { name: text.slice(start + 1, end - 1).replaceAll(quote + quote, quote), end };
  }
  bareName.lastIndex = start;
  const [name] = bareName.exec(text) ?? [];
  return name === undefined ? undefined : { name, end: start + name.length };
}

/** The names of the columns of a CREATE TABLE statement, in order. The statement must be complete. */
export function columnsIn(statement: string): string[] {
  return definitionStarts(statement).flatMap((at) => columnAt(statement, at) ?? []);
}

/** The positions at which the definitions of columns and keys begin. */
function definitionStarts(statement: string): number[] {
  const starts: number[] = [];
  let depth = 0;
  for (let at = openParenthesis(statement); at < statement.length; at = partEnd(statement, at)) {
    const character = statement[at];
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    if (at === -1 || depth === 0) return starts;
    if (depth === 1 && (character === "," || starts.length === 0)) starts.push(spaceEnd(statement, at + 1));
  }
  return starts;
}

/**
 * The position of the parenthesis that opens the definitions. A parenthesis in the quoted name of the table is skipped.
 */
function openParenthesis(statement: string): number {
  let at = 0;
  while (at < statement.length && statement[at] !== "(") at = Math.max(at + 1, partEnd(statement, at));
  return at;
}

const notColumns = /(PRIMARY|UNIQUE|KEY|INDEX|CONSTRAINT|FULLTEXT|SPATIAL|FOREIGN|CHECK|PERIOD)\b/iy;

function columnAt(statement: string, at: number): string | undefined {
  notColumns.lastIndex = at;
  return notColumns.test(statement) ? undefined : nameAt(statement, at)?.name;
}
