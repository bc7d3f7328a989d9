import { type Case, fresh, makeKey, makeRole, makeWholeKey, nowhere, shownPermission } from "./case.ts";

/** The cases of the operations on the permissions and roles of keys. */
export const grantCases: readonly Case[] = [
  {
    operation: "keys.setPermissions",
    succeeds: [
      async (server) => {
        const { keyId } = await makeWholeKey(server);
        const permission = fresh("billing.write");
        return { input: { keyId, permissions: [permission] }, data: [shownPermission(permission)] };
      },
      async (server) => ({ input: { keyId: (await makeWholeKey(server)).keyId, permissions: [] }, data: [] }),
    ],
    refused: {
      400: async (server) => ({ keyId: (await makeKey(server)).keyId, permissions: ["no spaces"] }),
      404: () => ({ keyId: nowhere("key"), permissions: [] }),
    },
  },
  {
    operation: "keys.addPermissions",
    succeeds: [
      async (server) => {
        const { keyId, permission } = await makeWholeKey(server);
        const added = fresh("billing.write");
        const data = [shownPermission(permission), shownPermission(added)];
        return { input: { keyId, permissions: [added] }, data };
      },
    ],
    refused: {
      400: async (server) => ({ keyId: (await makeKey(server)).keyId, permissions: [] }),
      404: () => ({ keyId: nowhere("key"), permissions: ["documents.read"] }),
    },
  },
  {
    operation: "keys.removePermissions",
    succeeds: [
      async (server) => {
        const { keyId } = await makeKey(server, { permissions: ["documents.read", "documents.write"] });
        return {
          input: { keyId, permissions: ["documents.read"] },
          data: [shownPermission("documents.write")],
        };
      },
    ],
    refused: {
      400: async (server) => ({ keyId: (await makeKey(server)).keyId, permissions: [] }),
      404: async (server) => ({ keyId: (await makeKey(server)).keyId, permissions: ["no_such_slug"] }),
    },
  },
  {
    operation: "keys.setRoles",
    succeeds: [
      async (server) => {
        const { keyId } = await makeWholeKey(server);
        const role = await makeRole(server);
        return { input: { keyId, roles: [role.name] }, data: [role] };
      },
    ],
    refused: {
      400: async (server) => ({ keyId: (await makeKey(server)).keyId, roles: [""] }),
      404: async (server) => ({ keyId: (await makeKey(server)).keyId, roles: ["no such role"] }),
    },
  },
  {
    operation: "keys.addRoles",
    succeeds: [
      async (server) => {
        const { keyId, role } = await makeWholeKey(server);
        const added = await makeRole(server);
        return { input: { keyId, roles: [added.name] }, data: [role, added] };
      },
    ],
    refused: {
      400: async (server) => ({ keyId: (await makeKey(server)).keyId, roles: [] }),
      404: async (server) => ({ keyId: (await makeKey(server)).keyId, roles: ["no such role"] }),
    },
  },
  {
    operation: "keys.removeRoles",
    succeeds: [
      async (server) => {
        const [kept, gone] = [await makeRole(server), await makeRole(server)];
        const { keyId } = await makeKey(server, { roles: [kept.name, gone.name] });
        return { input: { keyId, roles: [gone.name] }, data: [kept] };
      },
    ],
    refused: {
      400: async (server) => ({ keyId: (await makeKey(server)).keyId, roles: [] }),
      404: async (server) => ({ keyId: (await makeKey(server)).keyId, roles: ["no such role"] }),
    },
  },
];
