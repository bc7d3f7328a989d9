/** Tests the text of the workflow that publishes a version. The workflow itself does not run here. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tool } from "./operating/tools.ts";
import { newFolder } from "./program.ts";

setDefaultTimeout(120_000);

const root = join(import.meta.dir, "../..");
const path = join(root, ".github/workflows/release.yaml");
const workflow = readFileSync(path, "utf8");
const manifestOf = (folder: string) => JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
const published = manifestOf(".")
  .workspaces.map(manifestOf)
  .filter((manifest: { private?: boolean }) => manifest.private !== true);

const checkSchema = (file: string) =>
  tool("check-jsonschema", ["--builtin-schema", "vendor.github-workflows", file]);

test("the workflow fits its schema, and a planted mistake does not", async () => {
  expect(await checkSchema(path)).toMatchObject({ code: 0 });
  const wrong = join(newFolder(), "release.yaml");
  await Bun.write(wrong, workflow.replace("needs: check", "need: check"));
  expect(await checkSchema(wrong)).toMatchObject({ code: 1 });
});

test("every public package is published with provenance, after the ones it depends on, and only after the tests", () => {
  const names = [...workflow.matchAll(/npm publish --workspace (\S+) --provenance --access public$/gm)].map(
    ([, name]) => name,
  );
  const all = published.map(({ name }: { name: string }) => name);
  expect([names.length, new Set(names)]).toEqual([all.length, new Set(all)]);
  expect(names[0]).toBe("@latchkey/sdk");
  expect(workflow.match(/^ {4}needs: check$/gm)).toHaveLength(2);
  expect(workflow).toContain("sbom: true\n          provenance: mode=max");
});

test("every public package says where it comes from and how to reach its maintainers", () => {
  for (const { name, license, repository, homepage, bugs, files } of published) {
    expect([name, license, repository?.type]).toEqual([name, "Apache-2.0", "git"]);
    for (const address of [homepage, bugs])
      expect([name, address]).toEqual([name, expect.stringMatching(/^https:/)]);
    expect(files).toContain("dist");
  }
});

test("the workflow refuses a tag that is not the version of every package, and a copy of the repository elsewhere", () => {
  const { version, repository } = manifestOf("server");
  const [, own = ""] = /github\.com\/(.+)\.git$/.exec(repository.url) ?? [];
  const check = (...words: string[]) => {
    const { exitCode, stdout } = Bun.spawnSync(["node", join(root, "scripts/releaseCheck.mjs"), ...words]);
    return [exitCode, stdout.toString()];
  };
  expect(check(`v${version}`, own)).toEqual([0, `0 faults for v${version} of ${own}\n`]);
  const [code, said] = check("v9.9.9", "another/repository");
  expect(code).toBe(1);
  for (const place of [
    "server/package.json",
    "testing/package.json",
    "sdk/src/version.ts",
    "compose.ha.yaml",
  ]) {
    expect(said).toContain(`${place} has version ${version}.`);
  }
  expect(said).toContain(`sdk/package.json names the repository ${repository.url}.`);
});
