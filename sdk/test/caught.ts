import { LatchkeyError } from "../src/index.ts";

type Kind<E> = new (...parameters: never[]) => E;

/** Returns the error that the call fails with. Throws if the call succeeds, or fails with an error of another class. */
export async function caught<E extends LatchkeyError>(kind: Kind<E>, call: Promise<unknown>): Promise<E> {
  try {
    await call;
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  throw new Error(`the call succeeded instead of failing with ${kind.name}`);
}

/** Returns the error that a function throws. */
export function thrown(make: () => unknown): LatchkeyError {
  try {
    make();
  } catch (error) {
    if (error instanceof LatchkeyError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
