import { type DatabaseAddress, parseDatabaseUrl } from "../src/domain/databaseAddress.ts";

/** Returns the address of the database for this value of the setting `DATABASE_URL`. */
export function databaseAt(url: string): DatabaseAddress {
  const address = parseDatabaseUrl(url);
  if ("flaw" in address) throw new Error(address.flaw);
  return address;
}
