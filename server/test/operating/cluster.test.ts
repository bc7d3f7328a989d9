import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster, tellCluster } from "../../../scripts/cluster.ts";

setDefaultTimeout(120_000);

const root = join(import.meta.dir, "../../..");

/** `npm run cluster`, with a folder of its own for what it makes. */
function startRun() {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-cluster-"));
  chmodSync(folder, 0o755); // PostgreSQL has a user of its own
  const child = Bun.spawn([process.execPath, "scripts/cluster.ts"], {
    cwd: root,
    env: { ...process.env, TMPDIR: folder },
    stdout: "pipe",
    stderr: "pipe",
  });
  return {
    child,
    /** what is left of it once it has ended */
    leftOvers() {
      const files = readdirSync(folder);
      const processes = Bun.spawnSync(["pgrep", "-f", folder]).stdout.toString();
      rmSync(folder, { recursive: true, force: true });
      return { files, processes };
    },
  };
}

const nothing = { files: [], processes: "" };

describe("npm run cluster", () => {
  test("shows one limit held by three nodes, ends with 0, and leaves nothing behind", async () => {
    const { child, leftOvers } = startRun();
    const [code, printed] = await Promise.all([child.exited, child.stdout.text()]);
    expect(printed).toContain("together 1000 of 1000");
    expect(printed.match(/ admitted 34$/gm)).toHaveLength(3);
    expect(printed).toEndWith("As told.\n");
    expect([code, leftOvers()]).toEqual([0, nothing]);
  });

  test("leaves nothing behind when it is interrupted", async () => {
    const { child, leftOvers } = startRun();
    const addresses = /http:\/\/127\.0\.0\.1:\d+/g;
    let printed = "";
    for await (const chunk of child.stdout) {
      printed += new TextDecoder().decode(chunk);
      if ((printed.match(addresses) ?? []).length < 3) continue;
      child.kill("SIGINT");
      break;
    }
    expect([await child.exited, leftOvers()]).toEqual([130, nothing]);
    for (const url of printed.match(addresses) ?? []) {
      expect(await fetch(url).catch(() => "gone")).toBe("gone");
    }
  });

  test("notices where each node grants the limit for itself", async () => {
    const cluster = await startCluster({ REDIS_URL: "", ALLOW_LOCAL_COUNTERS: "true" });
    const told: string[] = [];
    try {
      expect(await tellCluster(cluster, (text) => told.push(text))).toBe(false);
    } finally {
      await cluster.stop();
    }
    expect(told.join("\n")).toContain("together 3000 of 1000");
    expect(told.at(-1)).toBe("   This is not as told.");
  });
});
