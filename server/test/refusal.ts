import { expect } from "bun:test";
import { catalogue, type ErrorCode } from "../src/errors/catalogue.ts";
import type { Envelope } from "./raw.ts";

/**
 * Expects the response to be this error, and returns the error. If `location` is set, the `errors` in it must name this
 * place of the body, and say how to fix it.
 */
export function expectRefusal(
  reply: { status: number; body?: unknown } | undefined,
  code: ErrorCode,
  location?: string,
): NonNullable<Envelope["error"]> {
  const { status, type, title } = catalogue[code];
  const body = reply?.body as Envelope | undefined;
  expect({ status: reply?.status, body }).toMatchObject({ status, body: { error: { status, title } } });
  expect(body?.meta?.requestId).toMatch(/^req_[A-Za-z0-9]+$/);
  const error = body?.error ?? { title: "", detail: "", status: 0, type: "" };
  expect(error.type).toMatch(new RegExp(`^https?://.+/errors/${type}$`));
  expect(error.detail.length).toBeGreaterThan(0);
  if (status === 400) expect(error.errors).toBeArray();
  if (location !== undefined) {
    const flaw = error.errors?.find((one) => one.location === location);
    expect(error.errors?.map((one) => one.location)).toContain(location);
    expect(flaw?.message).toMatch(/./);
    expect(flaw?.fix).toMatch(/./);
  }
  return error;
}
