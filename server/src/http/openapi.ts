import { z } from "zod";
import { catalogue, type ErrorCode } from "../errors.ts";
import { type JsonSchema, jsonSchema } from "../jsonSchema.ts";
import type { Operation } from "../operation.ts";
import { json, problemJson } from "./problem.ts";

/** The refusals that every operation has. */
const commonErrors: readonly ErrorCode[] = [
  "invalid_input",
  "authentication_missing",
  "authentication_malformed",
  "root_key_not_found",
  "insufficient_permissions",
  "request_body_too_large",
  "unsupported_media_type",
  "workspace_rate_limited",
  "server_overloaded",
  "unexpected_error",
  "service_unavailable",
];

/** The OpenAPI 3.1 document of these operations, served at `publicUrl`. */
export function openapi(operations: readonly Operation[], publicUrl: string): JsonSchema {
  return {
    openapi: "3.1.0",
    info: {
      title: "Latchkey",
      version: "2.0.0",
      description: "API keys, identities, verification and rate limits.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: publicUrl }],
    security: [{ rootKey: [] }],
    tags: [...new Set(operations.map(groupOf))].map((name) => ({ name })),
    paths: Object.fromEntries(
      operations.map((operation) => [`/v2/${operation.name}`, { post: post(operation) }]),
    ),
    components: {
      securitySchemes: { rootKey: { type: "http", scheme: "bearer" } },
      schemas: { Meta: metaSchema, Pagination: paginationSchema, Error: errorSchema },
    },
  };
}

function groupOf(operation: Operation): string {
  return operation.name.split(".")[0] ?? "";
}

function post(operation: Operation): JsonSchema {
  const { name, summary, description } = operation;
  return {
    operationId: name,
    ...(operation.transact === undefined ? {} : { parameters: [idempotencyKey] }),
    // spends outside a transaction, so that a repeated call may spend twice: clients do not repeat it blindly
    ...(operation.frequent === true ? { "x-latchkey-counts": true } : {}),
    tags: [groupOf(operation)],
    summary,
    description: [description, needs(operation)].filter((part) => part !== undefined).join("\n\n"),
    requestBody: {
      required: true,
      content: { [json]: { schema: jsonSchema(operation.input, "input"), example: operation.example.input } },
    },
    responses: { "200": success(operation), ...refusals(operation) },
  };
}

function needs({ permission, alsoNeeds = [] }: Operation): string {
  const all = [permission, ...alsoNeeds].map((one) => `\`${one.replace("<id>", "*")}\``);
  return `Needs the permission${all.length === 1 ? "" : "s"} ${all.join(" and ")}.`;
}

function success(operation: Operation): JsonSchema {
  const { output, page, example } = operation;
  const data = output ?? (page && z.array(page));
  const properties: JsonSchema = { meta: { $ref: "#/components/schemas/Meta" } };
  if (data !== undefined) properties["data"] = jsonSchema(data, "output");
  if (page !== undefined) properties["pagination"] = { $ref: "#/components/schemas/Pagination" };
  const answer: JsonSchema = { meta: { requestId: "req_0Ck3vDbnXhq2Tn6Yp1Zs4a" } };
  if (example.output !== undefined) answer["data"] = example.output;
  if (page !== undefined) answer["pagination"] = { hasMore: false };
  return {
    description: "Done.",
    content: {
      [json]: { schema: { type: "object", properties, required: Object.keys(properties) }, example: answer },
    },
  };
}

/** By status; several codes of one status share an entry. */
function refusals(operation: Operation): JsonSchema {
  const codes = [...new Set<ErrorCode>([...commonErrors, ...operation.errors])];
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = catalogue[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, group]) => [
        String(status),
        {
          description: group.map((code) => `\`${code}\`: ${catalogue[code].when}`).join("\n\n"),
          content: {
            [status === 429 || operation.problemJson === true ? problemJson : json]: {
              schema: { $ref: "#/components/schemas/Error" },
            },
          },
        },
      ]),
  );
}

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "A repeated call with the same key and body is answered as the first one was, within a day, and changes nothing.",
  schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[!-~]+$" },
};

const metaSchema = {
  type: "object",
  properties: { requestId: { type: "string", description: "Names this request in the server's log." } },
  required: ["requestId"],
};

const paginationSchema = {
  type: "object",
  properties: {
    hasMore: { type: "boolean" },
    cursor: {
      type: "string",
      description: "Send it as `cursor` for the next page; only where there is one.",
    },
  },
  required: ["hasMore"],
};

const errorSchema = {
  type: "object",
  properties: {
    meta: { $ref: "#/components/schemas/Meta" },
    error: {
      type: "object",
      properties: {
        title: { type: "string" },
        detail: { type: "string" },
        status: { type: "integer" },
        type: {
          type: "string",
          description: "Address of the error's page; its last segments are the error's code.",
          // an address is what the server's settings make it, so these are no `enum`
          "x-latchkey-types": [...new Set(Object.values(catalogue).map((row) => row.type))].sort(),
        },
        errors: {
          type: "array",
          items: {
            type: "object",
            properties: {
              location: { type: "string" },
              message: { type: "string" },
              fix: { type: "string" },
            },
            required: ["location", "message"],
          },
        },
      },
      required: ["title", "detail", "status", "type"],
    },
  },
  required: ["meta", "error"],
};
