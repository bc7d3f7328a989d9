import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expectUndisturbed, startSubject, watch } from "../../test/bystander.ts";
import { newFolder, runProgram } from "../../test/program.ts";

test("a flood of guesses at keys with slow hashes does not delay other requests", async () => {
  const folder = newFolder();
  const env = { DATABASE_URL: `file:${join(folder, "latchkey.db")}` };
  const subject = await startSubject({ env });
  const starts = Array.from({ length: 40 }, (_, index) => `sk_${index + 10}_`);
  const hash = (key: string) =>
    Bun.password.hashSync(key, { algorithm: "bcrypt", cost: 4 }).replace("$04$", "$12$");
  const file = join(folder, "keys.csv");
  writeFileSync(file, ["hash,start", ...starts.map((start) => `${hash(start)},${start}`)].join("\n"));
  expect((await runProgram(["import", file, "--from", "csv"], { env })).code).toBe(0);

  const codes = new Map<unknown, number>();
  const until = performance.now() + 2_000;
  const guess = async (start: string) => {
    while (performance.now() < until) {
      const { body } = await subject.call("keys.verifyKey", { key: `${start}${Math.random()}` });
      const code = body.data?.code ?? body.error?.title;
      codes.set(code, (codes.get(code) ?? 0) + 1);
      await Bun.sleep(50); // so few requests that only the comparisons load the machine
    }
  };
  const impact = await watch(subject, () => Promise.all(starts.map(guess)));
  await subject.stop();
  rmSync(folder, { recursive: true });
  expectUndisturbed(impact);
  expect(codes.get("Service Unavailable")).toBeGreaterThan(100);
  expect(codes.get("NOT_FOUND")).toBeGreaterThan(0);
}, 60_000);
