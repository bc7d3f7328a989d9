import { expect, test } from "bun:test";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "../../..");
const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: root })];

/** Returns the anchor by which links refer to a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, "")
    .trim()
    .replaceAll(" ", "-");

/** Returns the links and paths in a page whose targets do not exist. */
function brokenIn(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8");
  const links = [...text.matchAll(/\]\(([^):\s]+)\)/g)].map(([, target = ""]) => target);
  const files = [...text.matchAll(/`((?:server|bench|deploy|scripts)\/[\w./-]+\.\w+)`/g)].map(
    ([, path = ""]) => path,
  );
  return [
    ...links.filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      if (anchor === undefined) return false;
      const headings = readFileSync(join(root, target), "utf8").matchAll(/^#+ (.+)$/gm);
      return ![...headings].some(([, heading = ""]) => anchorOf(heading) === anchor);
    }),
    ...files.filter((path) => !existsSync(join(root, path))),
  ];
}

test("every link and path in README and docs/ exists", () => {
  expect(pages.length).toBeGreaterThan(10);
  const broken = pages.flatMap((page) => brokenIn(page).map((target) => `${page}: ${target}`));
  expect(broken).toEqual([]);
});

test("docs/operating/README.md links every page of its folder", () => {
  const index = readFileSync(join(root, "docs/operating/README.md"), "utf8");
  for (const page of globSync("*.md", { cwd: join(root, "docs/operating") })) {
    expect(index).toContain(page === "README.md" ? "# Operating" : `](${page})`);
  }
});

test("the page on platforms names the version of every package manager that the tests install with", () => {
  const page = readFileSync(join(root, "docs/operating/platforms.md"), "utf8");
  const installed = readFileSync(join(root, "server/test/install.test.ts"), "utf8");
  const versions = [...installed.matchAll(/"npm:[@/\w-]+@([\d.]+)"/g)].map(([, version = ""]) => version);
  expect(versions).toHaveLength(6);
  for (const version of versions) expect(page).toContain(version);
});
