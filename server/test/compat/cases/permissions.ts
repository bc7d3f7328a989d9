import { expect } from "bun:test";
import type { TestServer } from "../../harness.ts";
import {
  type Case,
  fresh,
  id,
  make,
  makeKey,
  makeMany,
  makePermission,
  makeRole,
  nowhere,
  shownPermission,
} from "./case.ts";

const permissionCases: readonly Case[] = [
  {
    operation: "permissions.createPermission",
    succeeds: [
      async () => ({
        input: { name: "Read documents", slug: fresh("documents.read"), description: "All of them." },
        data: { permissionId: id("perm") },
      }),
    ],
    refused: {
      400: () => ({ name: "Read documents", slug: "no spaces" }),
      409: async (server) => ({ name: "Again", slug: (await makePermission(server)).slug }),
    },
  },
  {
    operation: "permissions.getPermission",
    succeeds: [
      async (server) => {
        const permission = await makePermission(server);
        return { input: { permission: permission.id }, data: permission };
      },
      async (server) => {
        const permission = await makePermission(server);
        return { input: { permission: permission.slug }, data: permission };
      },
    ],
    refused: { 400: () => ({ permission: "" }), 404: () => ({ permission: nowhere("perm") }) },
  },
  {
    operation: "permissions.listPermissions",
    succeeds: [
      async (server) => {
        const permission = await makePermission(server);
        return { input: { search: permission.slug }, data: [permission] };
      },
    ],
    refused: { 400: () => ({ cursor: "not a cursor" }) },
    list: {
      rows: 25,
      pages: [10, 7],
      async make(server, count) {
        const makeOne = () => makePermission(server);
        return { input: {}, field: "id", values: await makeMany(count, "id", makeOne) };
      },
    },
  },
  {
    operation: "permissions.deletePermission",
    succeeds: [
      async (server) => {
        const { id: permission } = await makePermission(server);
        const after = () => expectStatus(server, 404, "permissions.getPermission", { permission });
        return { input: { permission }, data: {}, after };
      },
    ],
    refused: { 400: () => ({ permission: "" }), 404: () => ({ permission: nowhere("perm") }) },
  },
];

const updateCases: readonly Case[] = [
  {
    operation: "permissions.updatePermission",
    succeeds: [
      async (server) => {
        const permission = await makePermission(server);
        const slug = fresh("documents.write");
        return { input: { permission: permission.slug, slug }, data: { ...permission, slug } };
      },
    ],
    refused: {
      400: async (server) => ({ permission: (await makePermission(server)).id, slug: "no spaces" }),
      404: () => ({ permission: nowhere("perm"), name: "New" }),
      409: async (server) => ({
        permission: (await makePermission(server)).id,
        slug: (await makePermission(server)).slug,
      }),
    },
  },
  {
    operation: "permissions.updateRole",
    succeeds: [
      async (server) => {
        // in the one client that has this operation, the response's model has no `permissions`
        const { permissions: _, ...role } = await makeRole(server);
        const name = fresh("author");
        return { input: { role: role.id, name }, data: { ...role, name } };
      },
    ],
    refused: {
      400: () => ({ role: "", name: "author" }),
      404: () => ({ role: nowhere("role"), name: "author" }),
      409: async (server) => ({ role: (await makeRole(server)).id, name: (await makeRole(server)).name }),
    },
  },
];

const roleCases: readonly Case[] = [
  {
    operation: "permissions.createRole",
    succeeds: [
      async () => ({ input: { name: fresh("editor") }, data: { roleId: id("role") } }),
      async () => ({
        input: { name: fresh("editor"), description: "Reads.", permissions: [fresh("documents.read")] },
        data: { roleId: id("role") },
      }),
    ],
    refused: {
      400: () => ({ name: "" }),
      409: async (server) => ({ name: (await makeRole(server)).name }),
    },
  },
  {
    operation: "permissions.getRole",
    succeeds: [
      async (server) => {
        const role = await makeRole(server);
        return { input: { role: role.id }, data: role };
      },
      async (server) => {
        const name = fresh("editor");
        const { roleId } = await make(server, "permissions.createRole", { name });
        return { input: { role: name }, data: { id: roleId, name } };
      },
    ],
    refused: { 400: () => ({ role: "" }), 404: () => ({ role: nowhere("role") }) },
  },
  {
    operation: "permissions.listRoles",
    succeeds: [
      async (server) => {
        const role = await makeRole(server);
        return { input: { search: role.name }, data: [role] };
      },
    ],
    refused: { 400: () => ({ cursor: "not a cursor" }) },
    neverSent: { 404: "if there are no roles, the list is empty" },
    list: {
      rows: 25,
      pages: [10, 7],
      async make(server, count) {
        const makeOne = () => make(server, "permissions.createRole", { name: fresh("editor") });
        return { input: {}, field: "id", values: await makeMany(count, "roleId", makeOne) };
      },
    },
  },
  {
    operation: "permissions.setRolePermissions",
    succeeds: [
      async (server) => {
        const { id: roleId } = await makeRole(server);
        const slug = fresh("billing.read");
        return { input: { roleId, permissions: [slug] }, data: [shownPermission(slug)] };
      },
    ],
    refused: {
      400: async (server) => ({ roleId: (await makeRole(server)).id, permissions: ["no spaces"] }),
      404: () => ({ roleId: nowhere("role"), permissions: [] }),
    },
  },
  {
    operation: "permissions.deleteRole",
    succeeds: [
      async (server) => {
        const { id: role, name } = await makeRole(server);
        const { keyId } = await makeKey(server, { roles: [name] });
        const after = async () => {
          await expectStatus(server, 404, "permissions.getRole", { role });
          expect((await make(server, "keys.getKey", { keyId })).roles).toBeUndefined();
        };
        return { input: { role }, data: {}, after };
      },
    ],
    refused: { 400: () => ({ role: "" }), 404: () => ({ role: nowhere("role") }) },
  },
];

async function expectStatus(
  server: TestServer,
  status: number,
  operation: string,
  input: object,
): Promise<void> {
  expect((await server.call(operation, input)).status).toBe(status);
}

export const rbacCases: readonly Case[] = [...permissionCases, ...roleCases, ...updateCases];
