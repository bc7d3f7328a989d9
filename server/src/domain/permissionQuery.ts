/** A parsed query. A query nests at most 32 parentheses, so code may walk it recursively. */
export type PermissionQuery =
  | { kind: "permission"; permission: string }
  | { kind: "all" | "any"; of: PermissionQuery[] };

/** `position` counts UTF-16 units from 0. `message` and `fix` are parts of a sentence: no capital, no full stop. */
export type PermissionQueryError = { position: number; message: string; fix: string };

/** A key's permissions, prepared for evaluating many queries. */
export type HeldPermissions = {
  everything: boolean;
  exact: ReadonlySet<string>;
  patterns: readonly Pattern[];
};

/**
 * The segments of a permission with wildcards: `*` matches any one segment. `isOpen`: one or more segments may follow.
 */
type Pattern = { segments: readonly string[]; isOpen: boolean };

type Parsed<T> = T | { error: PermissionQueryError };

const MAX_PARENTHESES = 32;
/** Matches a word, or a character that is neither a space nor part of a word. */
const TOKEN = /[A-Za-z0-9._*:/-]+|[^ \t\n\r]/gu;
const WORD = /^[A-Za-z0-9._*:/-]/;
/** Matches a `*` that is a whole segment. */
const WILDCARD = /(^|\.)\*(\.|$)/;

/**
 * An open parenthesis, or the query itself. `any` has the operands before the last OR, and `all` the operands after it.
 */
type Group = { position: number; any: PermissionQuery[]; all: PermissionQuery[] };
/** `last` is the kind of the previous token. A permission or a closed parenthesis is an operand. */
type Parser = { groups: [Group, ...Group[]]; last: "start" | "operand" | "AND" | "OR" | "(" };

/**
 * Parses `expr := and (OR and)*`, `and := operand (AND operand)*`, `operand := permission | "(" expr ")"`.
 * Operators are whole words in upper or lower case. Takes linear time without recursion, and refuses more than 32
 * open parentheses.
 */
export function parsePermissionQuery(text: string): Parsed<{ query: PermissionQuery }> {
  const parser: Parser = { groups: [newGroup(0)], last: "start" };
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const error = read(parser, token, index);
    if (error) return { error };
  }
  return finish(parser, text.length);
}

/** Whether the key's permissions satisfy the query. */
export function evaluatePermissionQuery(query: PermissionQuery, held: HeldPermissions): boolean {
  switch (query.kind) {
    case "permission":
      return covers(held, query.permission);
    case "all":
      return query.of.every((part) => evaluatePermissionQuery(part, held));
    case "any":
      return query.of.some((part) => evaluatePermissionQuery(part, held));
  }
}

/**
 * Prepares a key's permissions. Segments are separated by `.`. A permission `*` covers everything, a trailing `.*`
 * covers one or more segments, and a `*` elsewhere exactly one segment. No wildcard covers an empty segment. A `*` that
 * is only a part of a segment is an ordinary character.
 */
export function prepareHeld(slugs: readonly string[]): HeldPermissions {
  return {
    everything: slugs.includes("*"),
    exact: new Set(slugs),
    patterns: slugs.filter((slug) => WILDCARD.test(slug)).map(toPattern),
  };
}

function toPattern(slug: string): Pattern {
  const segments = slug.split(".");
  const isOpen = segments.at(-1) === "*";
  return { segments: isOpen ? segments.slice(0, -1) : segments, isOpen };
}

function covers({ everything, exact, patterns }: HeldPermissions, permission: string): boolean {
  if (everything || exact.has(permission)) return true;
  const asked = permission.split(".");
  return patterns.some((pattern) => matches(pattern, asked));
}

function matches({ segments, isOpen }: Pattern, asked: readonly string[]): boolean {
  if (isOpen ? asked.length <= segments.length : asked.length !== segments.length) return false;
  const fits = segments.every((segment, i) => segment === asked[i] || (segment === "*" && asked[i] !== ""));
  return fits && asked.indexOf("", segments.length) === -1;
}

function newGroup(position: number): Group {
  return { position, any: [], all: [] };
}

function read(parser: Parser, token: string, position: number): PermissionQueryError | undefined {
  if (token === "(") return openGroup(parser, position);
  if (token === ")") return closeGroup(parser, position);
  if (!WORD.test(token)) return foreignCharacter(token, position);
  const word = token.toUpperCase();
  if (word === "AND" || word === "OR") return addOperator(parser, word, position);
  return addOperand(parser, { kind: "permission", permission: token }, position);
}

function openGroup(parser: Parser, position: number): PermissionQueryError | undefined {
  if (parser.last === "operand") return missingOperator(position, "parenthesis");
  if (parser.groups.length > MAX_PARENTHESES) {
    const message = `parentheses are nested deeper than ${MAX_PARENTHESES} levels`;
    return { position, message, fix: `nest at most ${MAX_PARENTHESES} levels deep` };
  }
  parser.groups.push(newGroup(position));
  parser.last = "(";
  return undefined;
}

function closeGroup(parser: Parser, position: number): PermissionQueryError | undefined {
  const [group, parent] = [parser.groups.at(-1), parser.groups.at(-2)];
  if (group === undefined || parent === undefined) {
    return {
      position,
      message: "this parenthesis has no opening parenthesis before it",
      fix: "remove it, or add the missing `(`",
    };
  }
  if (parser.last === "(") {
    return {
      position,
      message: "the parentheses are empty",
      fix: "put a permission into them, or remove them",
    };
  }
  if (parser.last !== "operand") return missingOperand(position, `after ${parser.last}`);
  parser.groups.pop();
  parent.all.push(close(group));
  return undefined;
}

function addOperator(parser: Parser, word: "AND" | "OR", position: number): PermissionQueryError | undefined {
  if (parser.last !== "operand") return missingOperand(position, `before ${word}`);
  const group = parser.groups.at(-1) ?? parser.groups[0];
  if (word === "OR") {
    group.any.push(joined("all", group.all));
    group.all = [];
  }
  parser.last = word;
  return undefined;
}

function addOperand(
  parser: Parser,
  operand: PermissionQuery,
  position: number,
): PermissionQueryError | undefined {
  if (parser.last === "operand") return missingOperator(position, "permission");
  (parser.groups.at(-1) ?? parser.groups[0]).all.push(operand);
  parser.last = "operand";
  return undefined;
}

function finish(parser: Parser, length: number): Parsed<{ query: PermissionQuery }> {
  const [whole, ...open] = parser.groups;
  if (parser.last === "start") {
    return { error: { position: 0, message: "the query is empty", fix: "name a permission" } };
  }
  if (parser.last !== "operand") return { error: missingOperand(length, `after ${parser.last}`) };
  const unclosed = open.at(-1);
  if (unclosed === undefined) return { query: close(whole) };
  const message = "this parenthesis is never closed";
  return { error: { position: unclosed.position, message, fix: "close it, or remove it" } };
}

function close({ any, all }: Group): PermissionQuery {
  return joined("any", [...any, joined("all", all)]);
}

function joined(kind: "all" | "any", of: PermissionQuery[]): PermissionQuery {
  const [only, ...more] = of;
  return only !== undefined && more.length === 0 ? only : { kind, of };
}

function missingOperand(position: number, where: string): PermissionQueryError {
  return { position, message: `a permission is missing ${where}`, fix: "name a permission there" };
}

function missingOperator(position: number, what: "permission" | "parenthesis"): PermissionQueryError {
  const message = `AND or OR is missing before this ${what}`;
  return { position, message, fix: "write AND or OR between two permissions" };
}

function foreignCharacter(token: string, position: number): PermissionQueryError {
  const code = `U+${(token.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  const shown = /[\p{L}\p{N}\p{P}\p{S}]/u.test(token) ? `${token} (${code})` : code;
  const operator = new Map([
    ["&", "write AND"],
    ["|", "write OR"],
  ]).get(token);
  const fix =
    operator ?? "use ASCII letters, digits and . _ - * : / in permissions, with AND, OR and parentheses";
  return { position, message: `the character ${shown} is not allowed`, fix };
}
