import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { expectUndisturbed, type Subject, watch } from "./bystander.ts";

const megabyte = 1024 * 1024;

describe("a bystander of a server", () => {
  let subject: Subject;
  let stop: () => void;
  beforeAll(async () => {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "stallable.ts")], { stdout: "pipe" });
    stop = () => child.kill();
    const { value } = await child.stdout.getReader().read();
    const url = new TextDecoder().decode(value).trim();
    subject = { url, pid: child.pid, rootKey: "", key: "", spendingKey: "" };
  });
  afterAll(() => stop());
  const request = (path: string) => fetch(new URL(path, subject.url));
  const watchRequest = (path: string) => watch(subject, () => request(path));

  test("notices, with every kind of request, that a main thread computes for longer than the bound", async () => {
    const impact = await watchRequest("/compute/400");
    for (const wait of [impact.liveness, impact.verification, impact.spending]) {
      expect(wait.computedMs).toBeGreaterThan(250);
    }
    expect(() => expectUndisturbed(impact)).toThrow("liveness: computed");
  });

  test("notices a main thread that is blocked without computing", async () => {
    const impact = await watchRequest("/block/1500");
    for (const wait of [impact.liveness, impact.verification, impact.spending]) {
      expect(wait.computedMs).toBeLessThan(250);
      expect(wait.waitedMs).toBeGreaterThan(1_000);
    }
    expect(() => expectUndisturbed(impact)).toThrow("liveness: computed");
  });

  test("notices a stall that is still going on when the work ends", async () => {
    const impact = await watch(subject, async () => {
      request("/compute/400").catch(() => undefined);
      await Bun.sleep(20);
    });
    expect(() => expectUndisturbed(impact)).toThrow("liveness: computed");
  });

  test("notices memory growth, even if the memory is released before the end", async () => {
    const impact = await watch(subject, async () => {
      await request(`/hold/${250 * megabyte}`);
      await Bun.sleep(50);
      await request("/release");
    });
    expect(impact.grownBytes).toBeGreaterThan(200 * megabyte);
    expect(() => expectUndisturbed(impact)).toThrow("memory: ");
  });

  test("ignores stalls within the bound, and time without a free processor", async () => {
    const busy = Array.from({ length: 4 }, () => Bun.spawn([process.execPath, "-e", "for (;;);"]));
    try {
      const impact = await watch(subject, async () => {
        for (let stall = 0; stall < 10; stall += 1) await request("/compute/20");
      });
      expectUndisturbed(impact);
      expect(impact.asked).toBeGreaterThan(3);
    } finally {
      for (const one of busy) one.kill();
    }
  });

  test("notices requests that fail", async () => {
    const { refusals } = await watchRequest("/fail");
    expect(refusals).toContain("liveness: 500");
    expect(refusals).toContain("verification: 500");
  });
});
