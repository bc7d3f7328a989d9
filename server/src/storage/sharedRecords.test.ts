import { beforeEach, describe, expect, test } from "bun:test";
import { type ChangeLog, changeLog } from "./changeLog.ts";
import { type SharedRecords, sharedRecords } from "./sharedRecords.ts";

type Identity = { id: string; version: number };

describe("a record that several cached records share", () => {
  let changes: ChangeLog;
  let shared: SharedRecords<Identity>;
  let isCurrent: boolean;

  beforeEach(() => {
    isCurrent = true;
    changes = changeLog();
    shared = sharedRecords<Identity>({
      changes,
      isCurrent: () => isCurrent,
      idsOf: ({ id }) => [id],
      bytesOf: () => 100,
    });
  });

  const hold = (version: number) => shared.hold("ws_1", "id_1", { id: "id_1", version }, changes.latest());

  test("is kept once, as long as a cached record uses it", () => {
    const first = hold(1);
    expect(hold(2)).toBe(first);
    expect(shared.bytes()).toBe(100);
    shared.release("ws_1", "id_1", first);
    expect(shared.find("ws_1", "id_1")).toBe(first);
    shared.release("ws_1", "id_1", first);
    expect(shared.find("ws_1", "id_1")).toBeUndefined();
    expect(shared.bytes()).toBe(0);
  });

  test("is never found again once it has changed, and releasing it does not remove its replacement", () => {
    const first = hold(1);
    changes.note("id_1");
    expect(shared.find("ws_1", "id_1")).toBeUndefined();
    const second = hold(2);
    expect(second.version).toBe(2);
    shared.release("ws_1", "id_1", first);
    expect(shared.find("ws_1", "id_1")).toBe(second);
    expect(shared.bytes()).toBe(100);
  });

  test("is not shared with a record whose load began before it changed", () => {
    const since = changes.latest();
    changes.note("id_1");
    shared.hold("ws_1", "id_1", { id: "id_1", version: 1 }, since);
    expect(shared.find("ws_1", "id_1")).toBeUndefined();
  });

  test("is not found under another workspace, nor while this process cannot learn of changes", () => {
    hold(1);
    expect(shared.find("ws_2", "id_1")).toBeUndefined();
    isCurrent = false;
    expect(shared.find("ws_1", "id_1")).toBeUndefined();
  });
});
