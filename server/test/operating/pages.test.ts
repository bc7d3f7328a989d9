import { expect, test } from "bun:test";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "../../..");
const pages = ["README.md", ...globSync("docs/**/*.md", { cwd: root })];

/** The heading as an address has it. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, "")
    .trim()
    .replaceAll(" ", "-");

/** What the page refers to that is not there. */
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

test("what README and the pages of docs/ refer to is there", () => {
  expect(pages.length).toBeGreaterThan(10);
  const broken = pages.flatMap((page) => brokenIn(page).map((target) => `${page}: ${target}`));
  expect(broken).toEqual([]);
});

test("docs/operating/README.md leads to every page of its folder", () => {
  const index = readFileSync(join(root, "docs/operating/README.md"), "utf8");
  for (const page of globSync("*.md", { cwd: join(root, "docs/operating") })) {
    expect(index).toContain(page === "README.md" ? "# Operating" : `](${page})`);
  }
});
