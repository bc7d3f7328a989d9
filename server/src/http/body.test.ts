import { describe, expect, test } from "bun:test";
import { Failure } from "../errors/failure.ts";
import { type BodyBudget, bodyBudget } from "./admission.ts";
import { declaredLength, dropBody, readBody as readDeclared, readPaced } from "./body.ts";

const plenty = bodyBudget(Number.POSITIVE_INFINITY);

function post(
  body: string | Uint8Array<ArrayBuffer> | ReadableStream,
  headers: Record<string, string> = {},
): Request {
  return new Request("http://localhost/", { method: "POST", body, headers });
}

function readBody(request: Request, maxBytes: number, budget: BodyBudget) {
  return readDeclared(request, declaredLength(request, maxBytes), maxBytes, budget);
}

/** The code of the failure with which reading ended. */
async function refusal(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
  throw new Error("was not refused");
}

/** A reader whose `read` returns `bytes` bytes after `everyMs`. The body ends after `parts` such parts. */
function trickle(bytes: number, everyMs: number, parts = Number.POSITIVE_INFINITY) {
  let given = 0;
  return {
    async read() {
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      given += 1;
      return given > parts ? { done: true } : { done: false, value: new Uint8Array(bytes) };
    },
  };
}

describe("a body", () => {
  test("is read whole up to the limit, whatever its size", async () => {
    for (const size of [0, 1, 128_000, 128_001, 1_000_000]) {
      const bytes = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)));
      const body = Buffer.concat(Array.from({ length: Math.ceil(size / 65_536) }, () => bytes)).subarray(
        0,
        size,
      );
      for (const headers of [{}, { "Content-Length": String(size) }]) {
        const read = await readBody(post(body, headers), 1_000_000, plenty);
        expect(Buffer.from(read).equals(body)).toBe(true);
      }
    }
  });

  test("above the limit is refused by its declared length, or while it is read", async () => {
    const declared = post("x", { "Content-Length": "11" });
    expect(() => declaredLength(declared, 10)).toThrow("larger than 10 bytes");
    const undeclared = post(new Blob(["x".repeat(11)]).stream());
    expect(await refusal(readBody(undeclared, 10, plenty))).toBe("request_body_too_large");
    expect((await readBody(post(new Blob(["x".repeat(10)]).stream()), 10, plenty)).byteLength).toBe(10);
  });

  test("with a length that is not a number is refused", () => {
    for (const length of ["2, 2", "+2", "0x2", "1e1", "-1", "", "9".repeat(17)]) {
      const request = { headers: new Headers({ "Content-Length": length }) } as Request;
      expect(() => declaredLength(request, 10)).toThrow("The Content-Length header is not a whole number.");
    }
  });

  test("above 16 KiB takes memory from the shared budget, and gives it back when it is dropped", async () => {
    const size = 100_000;
    const forms = [{}, { "Content-Length": String(size) }];
    for (const headers of forms) {
      const budget = bodyBudget(size * 2);
      const read = () => readBody(post(new Uint8Array(size), headers), 1_000_000, budget);
      const kept = await read();
      await read();
      expect(await refusal(read())).toBe("server_overloaded");
      const small = post("x".repeat(16_384), { "Content-Length": "16384" });
      expect((await readBody(small, 1_000_000, budget)).byteLength).toBe(16_384);
      dropBody(kept, budget);
      await read();
      expect(await refusal(read())).toBe("server_overloaded");
    }
  });

  test("counts against the budget with what has arrived, not with its declared length", async () => {
    const budget = bodyBudget(100_000);
    const stalled = () =>
      new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array(1)), // and nothing more
      });
    for (let count = 0; count < 1_000; count += 1) {
      const request = post(stalled(), { "Content-Length": "64000" });
      readBody(request, 1_000_000, budget).catch(() => undefined);
    }
    await new Promise((resolve) => setImmediate(resolve));
    const others = post(new Uint8Array(90_000), { "Content-Length": "90000" });
    expect((await readBody(others, 1_000_000, budget)).byteLength).toBe(90_000);
  });

  test("that is not read to its end holds none of the budget", async () => {
    const budget = bodyBudget(100_000);
    const broken = () =>
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(20_000));
          controller.error(new Error("gone"));
        },
      });
    const ways = [
      () => readBody(post(new Blob(["x".repeat(90_000)]).stream()), 50_000, budget),
      () => readBody(post(broken()), 1_000_000, budget),
      () => readBody(post(broken(), { "Content-Length": "90000" }), 1_000_000, budget),
    ];
    for (const way of ways) {
      expect(await refusal(way())).not.toBe("server_overloaded");
      budget.take(100_000); // would throw if a part of the budget were still taken
      budget.giveBack(100_000);
    }
  });
});

describe("a body that comes slowly", () => {
  const pace = { patienceMs: 300, longestMs: 60_000, slowestBytesPerMs: 1 };

  test("is refused if it stalls", async () => {
    const still = { read: () => new Promise<never>(() => undefined) };
    expect(await refusal(readPaced(still, 1000, pace))).toBe("request_timeout");
  });

  test("is refused if it is too slow, however often a part arrives", async () => {
    expect(await refusal(readPaced(trickle(1, 10), 1_000_000, pace))).toBe("request_timeout");
  });

  test("is refused after the longest time, however fast it is", async () => {
    const shortest = { ...pace, longestMs: 100 };
    expect(await refusal(readPaced(trickle(10_000, 5), Number.MAX_SAFE_INTEGER, shortest))).toBe(
      "request_timeout",
    );
  });

  test("is read if it is fast enough, even after the time that a stall may last", async () => {
    const patient = { ...pace, patienceMs: 1000 };
    const read = await readPaced(trickle(1000, 40, 30), 1_000_000, patient);
    expect(read.byteLength).toBe(30_000);
  });

  test("lets other requests be served between its parts, even if many parts are waiting", async () => {
    let isServed = false;
    setImmediate(() => {
      isServed = true;
    });
    let parts = 0;
    const ready = {
      async read() {
        if (isServed) return { done: true };
        parts += 1;
        return { done: parts > 100_000, value: new Uint8Array(1) };
      },
    };
    expect((await readPaced(ready, 1_000_000)).byteLength).toBeLessThanOrEqual(64);
  });

  test("is refused as incomplete if it breaks off", async () => {
    const broken = { read: () => Promise.reject(new Error("gone")) };
    expect(await refusal(readPaced(broken, 1000, pace))).toBe("invalid_input");
  });
});
