import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { openScratch } from "../../../storage/open.ts";
import { dumpText } from "./dumpText.ts";
import { readDump } from "./readDump.ts";
import { stageDump, type WantedTable } from "./stageDump.ts";

const wanted = new Map([["keys", new Set(["id", "value", "other"])]]);
const completed = "\n-- Dump completed on 2026-11-29 11:00:00\n";
const table = "CREATE TABLE `keys` (`id` int, `unused` text, `value` text);\n";

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** Reads a dump in pieces of `pieceLength` bytes. Returns the rows of the table `keys`, each as values by column. */
async function rowsOf(dump: string | Uint8Array, pieceLength = 3): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for await (const part of readDump(dumpText(pieces(Buffer.from(dump as string), pieceLength)), wanted)) {
    if (part.kind === "table") continue;
    for (const row of part.rows) {
      found.push(Object.fromEntries(part.columns.map((column, at) => [column, row[at]])));
    }
  }
  return found;
}

const refusalOf = (dump: string | Uint8Array) =>
  rowsOf(dump).then(
    () => "nothing was refused",
    (error: Error) => error.message,
  );

const readValue = async (value: string) => {
  const [row] = await rowsOf(`${table}INSERT INTO \`keys\` VALUES (1,'it''s unused',${value});${completed}`);
  return row?.["value"];
};

test.each([
  ["'plain'", "plain"],
  ["''", ""],
  [`'it''s'`, "it's"],
  [`'\\'\\"\\\\'`, `'"\\`],
  [`'\\0\\b\\n\\r\\t\\Z'`, "\0\b\n\r\t\x1a"],
  ["'\\x'", "x"],
  ["'), (;-- /*'", "), (;-- /*"],
  ["'ünï 🔑'", "ünï 🔑"],
  ["'\\\\'", "\\"],
  ["NULL", null],
  ["0", 0],
  ["-12.5", -12.5],
  ["1.5e-7", 1.5e-7],
  ["9007199254740993", "9007199254740993"],
  ["0x6162", "ab"],
  ["0x00FF27", Uint8Array.of(0, 255, 39)],
  ["X'6162'", "ab"],
  ["_binary 'a\\0b'", "a\0b"],
  ["_utf8mb4'x'", "x"],
  ["b'101'", 5],
  ["TRUE", 1],
  [`'{\\"a\\": \\"\\\\\\"b\\\\\\"\\"}'`, `{"a": "\\"b\\""}`],
])("the value %s is read as MySQL reads it", async (source, expected) => {
  const value = await readValue(source);
  expect(value instanceof Uint8Array ? Uint8Array.from(value) : value).toEqual(expected);
});

test("rows are read from every form of statement in which mysqldump writes rows", async () => {
  const dump = [
    "/*M!999999\\- enable the sandbox mode */ ",
    "-- MySQL dump 10.13; a comment; with 'a quote",
    "/*!50503 SET NAMES utf8mb4 */;",
    "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'it''s; 1-5';",
    "USE `shop`;",
    "DROP TABLE IF EXISTS `keys`;",
    "CREATE TABLE IF NOT EXISTS `shop`.`keys` (",
    "  `id` int NOT NULL COMMENT 'a, (comment); with `quotes`',",
    "  `unused` enum('a,b','c)') DEFAULT (concat(1,2)),",
    "  `value` decimal(10,2) /*!80023 INVISIBLE */,",
    "  PRIMARY KEY (`id`), UNIQUE KEY `k` (`value`,`id`), CONSTRAINT `c` CHECK (`id` > 0)",
    ") ENGINE=InnoDB;",
    "LOCK TABLES `keys` WRITE;",
    "INSERT INTO `keys` VALUES (1,'a',1),(2,NULL,2);",
    "INSERT  IGNORE INTO `keys` (`value`, `id`) VALUES (3,3),",
    "(4,4);",
    "REPLACE INTO keys VALUES (5,'x',5) ;",
    'INSERT INTO "shop"."keys" ("id","value") VALUES',
    "(6,6)",
    ",(7,7) ON DUPLICATE KEY UPDATE id = 'a;b';",
    "INSERT INTO `audit_log` VALUES (8,'x',8);",
    "UNLOCK TABLES;",
    "DELIMITER ;;",
    "/*!50003 CREATE*/ /*!50003 TRIGGER t BEFORE INSERT ON `keys` FOR EACH ROW BEGIN INSERT INTO `keys` VALUES (9,'',9); END */;;",
    "CREATE DEFINER=`root`@`%` PROCEDURE `p`() BEGIN SELECT 1; INSERT INTO `keys` VALUES (9,'',9); END ;;",
    "DELIMITER ;",
    "# another comment",
  ].join("\n");
  for (const text of [dump + completed, (dump + completed).replaceAll("\n", "\r\n")]) {
    for (const pieceLength of [1, 7, 100_000]) {
      const rows = await rowsOf(text, pieceLength);
      expect(rows.map(({ id, value }) => [id, value])).toEqual([1, 2, 3, 4, 5, 6, 7].map((id) => [id, id]));
    }
  }
});

test.each([
  "select 'a */ b''s'",
  "select '*/ \\''",
  'select "\'*/"',
  "select 1 AS `'*/`",
  "/* it's */",
  "-- it's */\n",
])("an executable comment with %s ends where MySQL lets it end", async (body) => {
  const view = `/*M!50001 CREATE VIEW v AS ${body} */;\n/*!50001 CREATE VIEW v AS ${body} */;\n`;
  const rows = `INSERT INTO \`keys\` VALUES (1,'a','b');`;
  for (const pieceLength of [1, 1000]) {
    const found = await rowsOf(`${view}${table}${view}${rows}${completed}`, pieceLength);
    expect(found).toEqual([{ id: 1, unused: null, value: "b" }]);
  }
});

test("a comment with an apostrophe is skipped even if the file is read up to the middle of it", async () => {
  const readLength = 256 * 1024;
  const comments = "/* it's */ -- it's\n# it's\n";
  for (let cut = 0; cut <= comments.length; cut += 1) {
    const start = "DROP TABLE x ";
    const filling = " ".repeat(readLength - start.length - cut);
    const dump = `${start}${filling}${comments};\n${table}INSERT INTO \`keys\` VALUES (1,'a','b');${completed}`;
    expect(await rowsOf(dump, readLength)).toHaveLength(1);
  }
});

test("values of unwanted columns are read as null", async () => {
  const [row] = await rowsOf(`${table}INSERT INTO \`keys\` VALUES (1,0xff,'x');${completed}`);
  expect(row).toEqual({ id: 1, unused: null, value: "x" });
});

describe("a dump is refused with an error that names the line and says what to do", () => {
  const insert = "INSERT INTO `keys` VALUES (1,'a','b');\n";
  const latin1 = Buffer.from(`${table}INSERT INTO \`keys\` VALUES (1,'a','\xfc');${completed}`, "latin1");
  test.each<[string, string | Uint8Array, string]>([
    ["it is empty", "", "The dump does not end with"],
    [
      "its end is missing",
      table + insert,
      'The dump does not end with "-- Dump completed", so it may be incomplete',
    ],
    [
      "it ends within a value",
      `${table}INSERT INTO \`keys\` VALUES (1,'a','b`,
      "Line 2: the table keys: the dump ends within a row",
    ],
    [
      "it ends between rows",
      `${table}INSERT INTO \`keys\` VALUES (1,'a','b'),`,
      "Line 2: the table keys: the dump ends within a row",
    ],
    [
      "it ends within a text of a table that is not wanted",
      "INSERT INTO other VALUES (1,'abc",
      "may be incomplete",
    ],
    ["it ends within a name of a statement that is not read", "LOCK TABLES `ot", "may be incomplete"],
    ["it ends within a comment of such a statement", "DROP TABLE x /* y", "may be incomplete"],
    ["it ends behind such a statement without its semicolon", "UNLOCK TABLES", "may be incomplete"],
    [
      "it ends within a trigger",
      "DELIMITER ;;\nCREATE TRIGGER x BEFORE INSERT ON y SET a='abc",
      "may be incomplete",
    ],
    ["a second dump follows that is truncated", table + insert + completed + insert, "may be incomplete"],
    [
      "it is in another charset",
      `-- x\n/*!40101 SET NAMES latin1 */;\n${table}${completed}`,
      "Line 2: the dump is in the charset latin1. Make a new dump with --default-character-set=utf8mb4",
    ],
    ["a text is not UTF-8", latin1, "Line 2: the table keys: a text is not UTF-8"],
    [
      "it has no columns",
      insert + completed,
      "Line 1: the table keys: the dump has no CREATE TABLE before these rows",
    ],
    [
      "a row lacks a value",
      `${table}INSERT INTO \`keys\` VALUES (1,'a');${completed}`,
      "Line 2: the table keys: a row has 2 values for 3 columns",
    ],
    [
      "it has two databases",
      `${table}USE b;\n${table}${completed}`,
      "Line 3: the dump has the table keys a second time",
    ],
    [
      "a value is a function",
      `${table}INSERT INTO \`keys\` VALUES (1,'a',now());${completed}`,
      `Line 2: the table keys: "now(" is not a value`,
    ],
    ["it is UTF-16", Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(table, "utf16le")]), "--result-file"],
    ["it is not text", Buffer.alloc(100), "Use the output of mysqldump"],
    [
      "it is a truncated gzip",
      gzipSync(table + insert + completed).subarray(0, 60),
      "The gzip file is damaged or truncated",
    ],
  ])("if %s", async (_, dump, message) => {
    expect(await refusalOf(dump)).toContain(message);
  });

  test("if a quote is never closed, without reading all of the file into memory", async () => {
    let read = 0;
    const endless = async function* () {
      yield Buffer.from(`${table}INSERT INTO \`keys\` VALUES (1,'`);
      for (; ; read += 1) yield Buffer.alloc(1024 * 1024, "x");
    };
    const reading = Array.fromAsync(readDump(dumpText(endless()), wanted));
    expect(await reading.catch((error: Error) => error.message)).toContain(
      "Line 2: the statement or row that begins here is longer than 32 MiB, or one of its quotes is not closed",
    );
    expect(read).toBeLessThan(100);
  });
});

describe("a dump that lacks a needed table or column is refused", () => {
  const tables: readonly WantedTable[] = [
    { table: "keys", needed: ["id", "value"], optional: ["gone", "gone_m"], anyOf: ["gone", "gone_m"] },
    { table: "apis", needed: ["id"], optional: [] },
    { table: "credits", needed: ["id"], optional: [], isOptional: true },
  ];
  const stage = (dump: string) => stageDump(dumpText(pieces(Buffer.from(dump), 50)), tables, openScratch());
  test.each([
    [
      "a column",
      "\n\nCREATE TABLE `keys` (`id` int, `gone` int);",
      "Line 3: the table keys lacks the column value.",
    ],
    [
      "each of the columns of which one is needed",
      "CREATE TABLE `keys` (`id` int, `value` int);",
      "Line 1: the table keys lacks the column gone or gone_m.",
    ],
    [
      "a table",
      "CREATE TABLE `keys` (`id` int, `value` int, `gone_m` int);",
      "The dump lacks the table apis.",
    ],
  ])("if it lacks %s", async (_, dump, message) => {
    const refusal = await stage(dump + completed).catch((error: Error) => error.message);
    expect(refusal).toContain(message);
  });
});
