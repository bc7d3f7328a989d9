// Finds idioms that read as if they were translated, in code, comments and documents, and suggests what to write. Also
// finds lines of comments that are too long, which the formatter does not wrap.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** @type {readonly [idiom: RegExp, instead: string][]} */
const idioms = [
  [/\w*answer(s|ed|ing)?\b|[a-z]Answer/i, "return, respond, the response, the result"],
  [/\b(left|leaves?|leaving) (\S+ )?away\b/i, "omit"],
  [
    /\bthere is none\b|\b(none|nothing) is given\b|\b(is|are|was|were) none\b(?! of)/i,
    "missing, not set, not a …",
  ],
  [
    /\bwhere (there|one|none|nothing|nobody|no|neither) (\w+ )?(is|are|has|have|was|were|can|cannot|may|does)\b/i,
    "if …, when …",
  ],
  [
    /\b(is|are|was|were|be) made (by|from|with|at)\b|\bmakes? (a|an|one|the) (key|identity|api|workspace)\b/i,
    "create, build, generate",
  ],
  [/\bmay not be (listened|used|read|written)\b/i, "is not allowed to"],
  [/\bthe whole of what\b/i, "its dependencies, all of it"],
  [/\b(goes|go|going|went) by (its?|their|the|a|that|this)\b(?! name)/i, "is identified by, use"],
  [/\bknown here\b/i, "allowed"],
  [
    /\b(taken|kept|left|given|sent|read|passed|stored|comes?|stays?|leaves?|text) (\S+ )?as (it|they) (is|are|comes?)\b/i,
    "unchanged",
  ],
  [
    /\b(is|are) no (time|number|address|key|name|command|field|permission|list|whole|flag|place)\b/i,
    "is not a …",
  ],
  [/\b(lends?|lent|lending)\b/i, "give, onlyWhenValid"],
  [/\b(so|that) many (at once|in all|are)\b/i, "at most N, N at a time"],
  [/\bsomebody\b/i, "a user, the caller, another request, someone"],
  [/\btakes? (its |no )leave\b/i, "close"],
  [/\bit is (us|we) who\b/i, "we …, so that we …"],
  [/\bin (its|their) turn\b|\bin line\b(?! with)/i, "in order, queued"],
  [/\bas (it is |was |they were )?told\b|\b(is|are) told of\b/i, "as expected, describe"],
  [/\bbesides? (its|their) own\b/i, "in addition to"],
  [/\blooked at\b/i, "checked, read"],
  [/\bIt is (latchkey|npm)\b/, "Usage: …"],
  [/\bthat there (is|are) not\b/i, "unknown, missing"],
  [/\bsees? to it\b/i, "make sure, ensure"],
  [/\b(Soon|soon)\(|: Soon<|\bfrequent:/, "MaybePromise, decides"],
];

/** Lines that may contain an idiom, each given by the end of the file's path and a part of the line. */
const deliberate = [
  ["scripts/words.mjs", ""], // the list itself
  ["server/src/run.idempotency.test.ts", "answer"],
  ["server/test/gates.test.ts", "planted"],
  ["server/test/compat/driver.py", "is None"], // Python
  ["server/test/nodes/idempotency.test.ts", "answer:"], // a column
  ["server/src/storage/migrations/0002_idempotency.ts", "answer"], // the name of a column
  ["server/src/storage/schema.ts", "answer"],
  ["server/src/storage/queries/idempotency.ts", '"answer as response"'],
  ["server/src/storage/queries/idempotency.ts", 'answer: ""'],
  ["server/src/storage/queries/idempotency.ts", "answer: response"],
];

const skippedFolders = new Set(["node_modules", ".git", "reports", "dist", ".venvs"]);
const texts = /\.(tsx?|mjs|sh|md|json|yaml|cfg|py)$|(^|\/)(Dockerfile|run)$/;
const generated = /\.gen\.ts$|^openapi\.json$|^package-lock\.json$|^docs\/errors\.md$|^docs\/reference\//;

/**
 * Returns a sentence for each idiom in the text: where it is and what to write.
 * @param {string} path
 * @param {string} text
 */
function idiomsIn(path, text) {
  return text.split("\n").flatMap((line, index) => {
    if (deliberate.some(([file = "", part = ""]) => path.endsWith(file) && line.includes(part))) return [];
    return idioms.flatMap(([idiom, instead]) => {
      const found = idiom.exec(line)?.[0];
      return found === undefined ? [] : [`${path}:${index + 1} "${found}": write ${instead}`];
    });
  });
}

const longestComment = 120;

/**
 * Returns a sentence for each line of a comment that is too long. Instructions to linters must be one line.
 * @param {string} path
 * @param {string} text
 */
function longCommentsIn(path, text) {
  if (!/\.(tsx?|mjs)$/.test(path)) return [];
  return text.split("\n").flatMap((line, index) => {
    const isComment = /^\s*(\/\/|\/?\*)/.test(line) && !line.includes("biome-ignore");
    if (!isComment || line.length <= longestComment) return [];
    return [`${path}:${index + 1} the comment has ${line.length} columns: wrap it at ${longestComment}`];
  });
}

/**
 * Walks the folders instead of asking git, because a copy of the tree may have no repository.
 * @param {string} root
 * @param {string} folder
 * @returns {string[]}
 */
function filesOf(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : filesOf(root, path);
    return entry.isFile() && texts.test(path) && !generated.test(path) ? [path] : [];
  });
}

// `node scripts/words.mjs <prefix>` checks only the paths that begin with the prefix
const root = fileURLToPath(new URL("..", import.meta.url));
const [, , prefix = ""] = process.argv;
const found = filesOf(root, "")
  .filter((path) => path.startsWith(prefix))
  .flatMap((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return [...idiomsIn(path, text), ...longCommentsIn(path, text)];
  });
for (const line of found) console.log(line);
console.log(`${found.length} idioms that read as if translated, and comments that are too long`);
process.exitCode = found.length === 0 ? 0 : 1;
