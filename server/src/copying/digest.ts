import { createHash } from "node:crypto";
import type { Row } from "../storage/engines/bulk.ts";

/** A checksum of a table's rows. It does not depend on the engine or on the order of the rows. */
export type Digest = { rows: number; sum: string };

/**
 * Computes the digest of a table: the sum, modulo 2^128, of the first 128 bits of each row's SHA-256. A row is hashed
 * as a JSON array of its values, in the alphabetical order of the columns' names, with bytes in base64.
 */
export function tableDigest() {
  let rows = 0;
  let sum = 0n;
  return {
    add(batch: readonly Row[]): void {
      rows += batch.length;
      for (const row of batch) sum += hashOf(row);
    },
    value: (): Digest => ({ rows, sum: BigInt.asUintN(128, sum).toString(16).padStart(32, "0") }),
  };
}

function hashOf(row: Row): bigint {
  const text = JSON.stringify(row.map((value) => (value instanceof Uint8Array ? base64(value) : value)));
  const hash = createHash("sha256").update(text).digest();
  return (hash.readBigUInt64BE(0) << 64n) | hash.readBigUInt64BE(8);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
