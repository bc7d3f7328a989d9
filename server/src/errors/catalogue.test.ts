import { expect, test } from "bun:test";
import { callers } from "./callers.ts";
import { catalogue } from "./catalogue.ts";
import { records } from "./records.ts";
import { requests } from "./requests.ts";
import { server } from "./server.ts";

test("no two errors have the same name", () => {
  const names = [requests, callers, records, server].flatMap((area) => Object.keys(area));
  expect(names.sort()).toEqual(Object.keys(catalogue).sort());
});
