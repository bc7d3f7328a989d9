/**
 * Simulates power cuts: run `bun server/test/powerCut.ts [cuts]` as root. The server writes to an ext4 file system that
 * is in a file. Only what was flushed reaches that file, so at any moment it has what a disk would have after a power
 * cut. Each cut copies the file, recovers the copy, and looks there for every write that was acknowledged before.
 */
import { Database } from "bun:sqlite";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { callServer, newFolder, startServing } from "./program.ts";

const callers = 32;
const cuts = Number(process.argv[2] ?? 20);
const folder = newFolder();
const disk = join(folder, "disk");
const mounted = join(folder, "mounted");
const copy = join(folder, "copy");
const recovered = join(folder, "recovered");

function run(program: string, ...words: string[]): void {
  execFileSync(program, words, { stdio: ["ignore", "ignore", "inherit"] });
}

for (const path of [mounted, recovered]) mkdirSync(path);
run("truncate", "--size", "256M", disk);
run("mkfs.ext4", "-q", "-F", disk);
// with this interval, the file system hardly ever flushes by itself, so only what the server flushes is on the disk
run("mount", "-o", "loop,commit=300,noatime", disk, mounted);

const server = await startServing({
  env: { DATABASE_URL: `file:${mounted}/new/data/latchkey.db`, LOG_LEVEL: "error" },
});
let lost = 0;
try {
  lost = await cutAgainAndAgain();
} finally {
  server.child.kill("SIGKILL");
  await server.ended;
  run("umount", "--lazy", mounted);
  rmSync(folder, { recursive: true, force: true });
}
process.exit(lost > 0 ? 1 : 0);

/** Returns how many acknowledged writes were lost. */
async function cutAgainAndAgain(): Promise<number> {
  const rootKey = readFileSync(join(mounted, "new", "data", "root-key"), "utf8").trim();
  const acknowledged: string[] = [];
  let writing = true;
  const write = async (caller: number) => {
    for (let round = 0; writing; round += 1) {
      const externalId = `user_${caller}_${round}`;
      const body = { externalId, meta: { padding: "x".repeat((round * 97) % 3000) } };
      const { status } = await callServer(server.url, rootKey, "identities.createIdentity", body);
      if (status === 200) acknowledged.push(externalId);
    }
  };
  const work = Promise.all(Array.from({ length: callers }, (_, caller) => write(caller)));
  let lost = 0;
  for (let cut = 1; cut <= cuts; cut += 1) {
    await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 700));
    server.child.kill("SIGSTOP");
    const before = [...acknowledged];
    copyFileSync(disk, copy);
    server.child.kill("SIGCONT");
    const found = recover();
    const missing = before.filter((one) => !found.has(one));
    lost += missing.length;
    console.log(`cut ${cut}: ${before.length} acknowledged, ${missing.length} lost, ${found.size} found`);
  }
  writing = false;
  await work;
  console.log(`${lost} of ${acknowledged.length} acknowledged writes lost in ${cuts} power cuts`);
  return lost;
}

/**
 * Mounts the copy, as the system does after a restart. Returns the identities in its database, or none if it is
 * damaged.
 */
function recover(): Set<string> {
  run("mount", "-o", "loop", copy, recovered);
  try {
    return identitiesIn(join(recovered, "new", "data", "latchkey.db"));
  } catch (error) {
    console.log(String(error));
    return new Set();
  } finally {
    run("umount", "--lazy", recovered);
  }
}

function identitiesIn(path: string): Set<string> {
  const database = new Database(path, { readwrite: true, create: false });
  try {
    const [check] = database.query<{ integrity_check: string }, []>("pragma integrity_check").all();
    if (check?.integrity_check !== "ok") throw new Error(`integrity check: ${check?.integrity_check}`);
    const rows = database.query<{ externalId: string }, []>(`select "externalId" from "identities"`).all();
    return new Set(rows.map((row) => row.externalId));
  } finally {
    database.close();
  }
}
