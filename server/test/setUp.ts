import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import { startTest, type TestOptions, type TestServer } from "./harness.ts";
import { makeWorkspace, type Workspace } from "./workspace.ts";

/**
 * Returns a server for the tests of the `describe` block that calls this. It starts before the first test and stops
 * after the last.
 */
export function testServer(options: TestOptions = {}): TestServer {
  const server = {} as TestServer;
  beforeAll(async () => {
    // The started server's members change when it restarts, so `server` inherits them instead of copying them.
    Object.setPrototypeOf(server, await startTest(options));
  });
  afterAll(() => server.stop());
  return server;
}

/** Returns a workspace on a server from `testServer`: a new, empty workspace for each test of the `describe` block. */
export function testWorkspace(server: TestServer): Workspace {
  const workspace = {} as Workspace;
  beforeEach(async () => {
    Object.assign(workspace, await makeWorkspace(server));
  });
  return workspace;
}

/**
 * Returns a function that takes something with a `stop` method, returns it unchanged, and stops it after the test. What
 * was started last is stopped first.
 */
export function stoppedAfterTest() {
  const started: { stop(): Promise<unknown> }[] = [];
  afterEach(async () => {
    for (const one of started.splice(0).reverse()) await one.stop();
  });
  return <T extends { stop(): Promise<unknown> }>(one: T): T => {
    started.push(one);
    return one;
  };
}
