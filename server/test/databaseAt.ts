import { type DatabaseAddress, parseDatabaseUrl } from "../src/domain/databaseAddress.ts";

/** The address that `DATABASE_URL=url` names. */
export function databaseAt(url: string): DatabaseAddress {
  const address = parseDatabaseUrl(url);
  if ("flaw" in address) throw new Error(address.flaw);
  return address;
}
