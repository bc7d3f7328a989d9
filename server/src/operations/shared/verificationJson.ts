import { itemAt } from "../../domain/itemAt.ts";
import type { KeyRecord } from "../../domain/verification.ts";
import { Written } from "../../domain/written.ts";
import { type Outcome, validWithoutAccounts } from "./verification.ts";
import { type VerificationResponse, verificationResponse } from "./verificationResponse.ts";

/** The response to the verification of a key that was found. */
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

/** Whether all valid responses for this key are the same, except for their rate limits. */
function isPlain({ limits }: KeyRecord, { code, credits, quotas, hold, counted }: Outcome): boolean {
  return (
    code === "VALID" &&
    credits === undefined &&
    quotas.length === 0 &&
    hold === undefined &&
    (counted === undefined || counted.ratelimits === limits.applied)
  );
}

/** JSON that is the same in all plain responses for a key. */
type Constants = {
  /** the response without rate limits and without its last brace */
  response: string;
  /** each rate limit up to its reset */
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

/** A key that was verified, and its constants if that was not the first time in a row. */
type Place = { key: KeyRecord; constants: Constants | undefined };

const places: (Place | undefined)[] = Array.from({ length: 256 }, () => undefined);

/**
 * The constants of a hot key. Each id leads to one of a few places, so the memory for them is bounded, and a key pays for
 * its constants only if it comes twice before another key of its place. A record is replaced when anything changes that it
 * was built from, so its constants are never out of date.
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

/** By the last characters, which are random. */
function placeOf(id: string): number {
  const end = id.length;
  return (id.charCodeAt(end - 1) + 61 * id.charCodeAt(end - 2)) % places.length || 0;
}
