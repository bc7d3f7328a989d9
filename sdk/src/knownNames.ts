import type { MetaTypes } from "./calls.ts";

/** The options of a guard. If the client's type lists permissions, naming any other permission is a type error. */
export type Checked<M extends MetaTypes, Options> = Options & Known<M, Options>;

type Known<M extends MetaTypes, Options> = {
  [Member in keyof Options]: Member extends "permissions"
    ? M extends { permissions: infer Permission extends string }
      ? KnownQuery<Options[Member], Permission>
      : unknown
    : unknown;
};

/**
 * The type that the option must have: any type if the query names only listed permissions. Otherwise it is the union of
 * the listed permissions, so that the compiler's message shows them.
 */
type KnownQuery<Value, Permission extends string> = Value extends (...parameters: never[]) => infer Returned
  ? IsKnown<Exclude<Awaited<Returned>, undefined>, Permission> extends true
    ? unknown
    : (request: never) => Permission
  : IsKnown<Value, Permission> extends true
    ? unknown
    : Permission;

/**
 * Whether every word of a query is a listed permission, an operator or a parenthesis. For a union, every query
 * is checked.
 */
type IsKnown<Query, Permission extends string> = [Query] extends [never]
  ? true
  : false extends (Query extends string ? AreKnown<Query, Permission> : true)
    ? false
    : true;

type AreKnown<Query extends string, Permission extends string> = Query extends `${infer Word} ${infer Rest}`
  ? IsWord<Word, Permission> extends true
    ? AreKnown<Rest, Permission>
    : false
  : IsWord<Query, Permission>;

type IsWord<Word extends string, Permission extends string> = Word extends "" | "AND" | "OR" | Permission
  ? true
  : Word extends `(${infer Rest}`
    ? IsWord<Rest, Permission>
    : Word extends `${infer Rest})`
      ? IsWord<Rest, Permission>
      : false;
