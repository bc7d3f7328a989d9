import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { showCluster, startCluster } from "../../../scripts/cluster.ts";

setDefaultTimeout(120_000);

const root = join(import.meta.dir, "../../..");

/** Starts `npm run cluster`, with a temporary folder of its own. */
function startRun(command = [process.execPath, "scripts/cluster.ts"]) {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-cluster-"));
  chmodSync(folder, 0o755); // PostgreSQL runs as another user
  const child = Bun.spawn(command, {
    cwd: root,
    env: { ...process.env, TMPDIR: folder },
    stdout: "pipe",
    stderr: "pipe",
  });
  return {
    child,
    /** Returns the files and processes that remain after the run has ended. */
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
  test("shows one limit held by three nodes, exits with 0, and leaves nothing behind", async () => {
    const { child, leftOvers } = startRun();
    const [code, printed] = await Promise.all([child.exited, child.stdout.text()]);
    expect(printed).toContain("together 1000 of 1000");
    expect(printed.match(/ admitted 34$/gm)).toHaveLength(3);
    expect(printed).toEndWith("All results are as expected.\n");
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

  test.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)(
    "leaves nothing behind if only npm gets %s",
    async (signal) => {
      const { child, leftOvers } = startRun(["npm", "run", "cluster", "--", "--keep"]);
      let printed = "";
      for await (const chunk of child.stdout) {
        printed += new TextDecoder().decode(chunk); // this loop ends when the last process that could write has ended
        if (printed.includes("http://127.0.0.1:")) child.kill(signal);
      }
      expect(leftOvers()).toEqual(nothing);
    },
  );

  test("fails if each node grants the whole limit", async () => {
    const cluster = await startCluster({ REDIS_URL: "", ALLOW_LOCAL_COUNTERS: "true" });
    const lines: string[] = [];
    try {
      expect(await showCluster(cluster, (text) => lines.push(text))).toBe(false);
    } finally {
      await cluster.stop();
    }
    expect(lines.join("\n")).toContain("together 3000 of 1000");
    expect(lines.at(-1)).toBe("   This is not the expected result.");
  });
});
