import { ConfigError } from "../src/config/settings.ts";

/** Returns the message of the `ConfigError` that `read` throws. */
export function configRefusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("The settings were accepted, but should have been refused.");
}
