import { itemAt } from "../../domain/itemAt.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import { Written } from "../../domain/written.ts";
import { type Outcome, validWithoutAccounts } from "./verification.ts";
import { type VerificationResponse, verificationResponse } from "./verificationResponse.ts";

/** The response for a key that was found. Its JSON is put together from cached parts if possible. */
export class WrittenVerification extends Written<VerificationResponse> {
  readonly #key: KeyRecord;
  readonly #outcome: Outcome;

  constructor(key: KeyRecord, outcome: Outcome) {
    super();
    this.#key = key;
    this.#outcome = outcome;
  }

  value(): VerificationResponse {
    return verificationResponse(this.#key, this.#outcome);
  }

  json(): string {
    const constants = isPlain(this.#key, this.#outcome) ? constantsOf(this.#key) : undefined;
    return constants === undefined ? JSON.stringify(this.value()) : assembled(constants, this.#outcome);
  }
}

/** Whether this response is like every valid response for the key, except for the state of its rate limits. */
function isPlain({ limits }: KeyRecord, { code, credits, quotas, hold, counted }: Outcome): boolean {
  return (
    code === "VALID" &&
    credits === undefined &&
    quotas.length === 0 &&
    hold === undefined &&
    (counted === undefined || counted.ratelimits === limits.applied)
  );
}

/** The JSON that all plain responses for a key (see `isPlain`) have in common. */
type Constants = {
  /** the response without rate limits and without its last brace */
  response: string;
  /** the beginning of each rate limit's JSON, before `reset`; the rest differs between responses */
  limits: readonly string[];
};

function makeConstants(key: KeyRecord): Constants {
  const response = JSON.stringify(verificationResponse(key, validWithoutAccounts(undefined))).slice(0, -1);
  const limits = key.limits.applied.map(({ id, name, limit, durationMs }) =>
    JSON.stringify({ id, name, limit, duration: durationMs }).slice(0, -1),
  );
  return { response, limits };
}

function assembled({ response, limits }: Constants, { counted }: Outcome): string {
  if (counted === undefined) return `${response}}`;
  let text = response;
  let separator = ',"ratelimits":[';
  for (const [index, limit] of limits.entries()) {
    const { resetInMs, remaining, passed } = itemAt(counted.hit.windows, index);
    const reset = counted.atMs + resetInMs;
    text += `${separator}${limit},"reset":${reset},"remaining":${remaining},"exceeded":${!passed},"autoApply":true}`;
    separator = ",";
  }
  return `${text}]}`;
}

/** A place of the cache: the key that used it last, and the key's constants if it used the place twice in a row. */
type Place = { key: KeyRecord; constants: Constants | undefined };

const places: (Place | undefined)[] = Array.from({ length: 256 }, () => undefined);

/**
 * The constants of a key that is verified often, from a cache with a fixed number of places. The key's id decides its
 * place. The constants are built only when a key is verified twice in a row, without another key of the same place in
 * between. They are never out of date: a change to the key replaces the key's record, and constants belong to a single
 * record.
 */
function constantsOf(key: KeyRecord): Constants | undefined {
  const index = placeOf(key.id);
  const place = places[index];
  if (place?.key === key) {
    place.constants ??= makeConstants(key);
    return place.constants;
  }
  if (place === undefined) places[index] = { key, constants: undefined };
  else {
    place.key = key;
    place.constants = undefined;
  }
  return undefined;
}

/** The index of the key's place, from the last characters of its id: they are random. */
function placeOf(id: string): number {
  const end = id.length;
  return (id.charCodeAt(end - 1) + 61 * id.charCodeAt(end - 2)) % places.length || 0;
}
