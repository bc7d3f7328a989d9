import { z } from "zod";
import { operation } from "../../operation.ts";
import { findWorkspace } from "../../storage/queries/workspaces.ts";
import { instant, storedId } from "../shared/values.ts";

export const getWorkspace = operation({
  name: "workspaces.getWorkspace",
  summary: "Read the workspace of the root key",
  permission: "workspace.*.read_workspace",
  input: z.strictObject({}),
  output: z.strictObject({
    id: storedId.describe("The workspace's id."),
    name: z.string().max(512).describe("The workspace's name."),
    createdAt: instant.describe("When the workspace was created. Unix time in milliseconds."),
    timeZone: z
      .string()
      .max(255)
      .describe("The IANA name of the time zone for quotas without a `timeZone`, such as `Europe/Berlin`."),
  }),
  errors: [],
  example: {
    input: {},
    output: {
      id: "ws_0Ck3vDbnXhq2Tn6Yp1Zs4a",
      name: "default",
      createdAt: 1_767_225_600_000,
      timeZone: "UTC",
    },
  },

  async run(_, { caller, db }) {
    const found = await findWorkspace(db, caller.workspaceId);
    if (found === undefined) throw new Error("the caller's workspace does not exist");
    return { id: found.id, name: found.name, createdAt: found.createdAtMs, timeZone: found.timeZone };
  },
});
