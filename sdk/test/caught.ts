import { LatchkeyError } from "../src/index.ts";

type Kind<E> = new (...parameters: never[]) => E;

/** The error of this kind that the call fails with; fails itself where it succeeds, or fails otherwise. */
export async function caught<E extends LatchkeyError>(kind: Kind<E>, call: Promise<unknown>): Promise<E> {
  try {
    await call;
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  throw new Error(`the call succeeded, where ${kind.name} was awaited`);
}

/** The error that a function throws at once. */
export function thrown(make: () => unknown): LatchkeyError {
  try {
    make();
  } catch (error) {
    if (error instanceof LatchkeyError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
