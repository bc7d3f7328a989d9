import { describe, expect, test } from "bun:test";
import { Failure } from "../errors.ts";
import { bodyBudget } from "./admission.ts";
import { dropBody, readBody, readPaced } from "./body.ts";

const unused = { timeout: () => undefined };
const plenty = bodyBudget(Number.POSITIVE_INFINITY);

function post(
  body: string | Uint8Array<ArrayBuffer> | ReadableStream,
  headers: Record<string, string> = {},
): Request {
  return new Request("http://localhost/", { method: "POST", body, headers });
}

/** What reading was refused with. */
async function refusal(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
  throw new Error("was not refused");
}

/** A reader that gives a part of this many bytes each time the timer fires, at most `parts` times. */
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
        const read = await readBody(post(body, headers), 1_000_000, unused, plenty);
        expect(Buffer.from(read).equals(body)).toBe(true);
      }
    }
  });

  test("is refused from its length alone, and while it is read", async () => {
    const declared = post("x", { "Content-Length": "11" });
    expect(await refusal(readBody(declared, 10, unused, plenty))).toBe("request_body_too_large");
    const undeclared = post(new Blob(["x".repeat(11)]).stream());
    expect(await refusal(readBody(undeclared, 10, unused, plenty))).toBe("request_body_too_large");
    expect((await readBody(post(new Blob(["x".repeat(10)]).stream()), 10, unused, plenty)).byteLength).toBe(
      10,
    );
  });

  test("with a length that is no number is refused", async () => {
    for (const length of ["2, 2", "+2", "0x2", "1e1", "-1", "", "9".repeat(17)]) {
      const request = { headers: new Headers({ "Content-Length": length }) } as Request;
      expect([length, await refusal(readBody(request, 10, unused, plenty))]).toEqual([
        length,
        "invalid_input",
      ]);
    }
  });

  test("above 16 KiB takes of what all bodies may hold together, and gives it back when it is dropped", async () => {
    const size = 100_000;
    const forms = [{}, { "Content-Length": String(size) }];
    for (const headers of forms) {
      const budget = bodyBudget(size * 2);
      const read = () => readBody(post(new Uint8Array(size), headers), 1_000_000, unused, budget);
      const kept = await read();
      await read();
      expect(await refusal(read())).toBe("server_overloaded");
      const small = post("x".repeat(16_384), { "Content-Length": "16384" });
      expect((await readBody(small, 1_000_000, unused, budget)).byteLength).toBe(16_384);
      dropBody(kept, budget);
      await read();
      expect(await refusal(read())).toBe("server_overloaded");
    }
  });

  test("that is not read to its end holds nothing", async () => {
    const budget = bodyBudget(100_000);
    const broken = () =>
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(20_000));
          controller.error(new Error("gone"));
        },
      });
    const ways = [
      () => readBody(post(new Blob(["x".repeat(90_000)]).stream()), 50_000, unused, budget),
      () => readBody(post(broken()), 1_000_000, unused, budget),
      () => readBody(post(broken(), { "Content-Length": "90000" }), 1_000_000, unused, budget),
    ];
    for (const way of ways) {
      expect(await refusal(way())).not.toBe("server_overloaded");
      budget.take(100_000); // all of it is there
      budget.giveBack(100_000);
    }
  });

  test("of unknown length suspends the runtime's timer while it comes, and restores it however it ends", async () => {
    for (const maxBytes of [10, 1000]) {
      const timeouts: number[] = [];
      const idle = { timeout: (_: Request, seconds: number) => void timeouts.push(seconds) };
      await readBody(post(new Blob(["x".repeat(100)]).stream()), maxBytes, idle, plenty).catch(
        () => undefined,
      );
      expect(timeouts).toEqual([0, 8]);
    }
  });
});

describe("a body that comes slowly", () => {
  const pace = { patienceMs: 300, longestMs: 60_000, slowestBytesPerMs: 1 };

  test("is refused where it stands still", async () => {
    const still = { read: () => new Promise<never>(() => undefined) };
    expect(await refusal(readPaced(still, 1000, pace))).toBe("request_timeout");
  });

  test("is refused where it falls behind its speed, however often it moves", async () => {
    expect(await refusal(readPaced(trickle(1, 10), 1_000_000, pace))).toBe("request_timeout");
  });

  test("is refused after the longest time, however fast it is", async () => {
    const shortest = { ...pace, longestMs: 100 };
    expect(await refusal(readPaced(trickle(10_000, 5), Number.MAX_SAFE_INTEGER, shortest))).toBe(
      "request_timeout",
    );
  });

  test("is read where it keeps its speed, also beyond the first patience", async () => {
    const patient = { ...pace, patienceMs: 1000 };
    const read = await readPaced(trickle(1000, 40, 30), 1_000_000, patient);
    expect(read.byteLength).toBe(30_000);
  });

  test("is refused as incomplete where it breaks off", async () => {
    const broken = { read: () => Promise.reject(new Error("gone")) };
    expect(await refusal(readPaced(broken, 1000, pace))).toBe("invalid_input");
  });
});
