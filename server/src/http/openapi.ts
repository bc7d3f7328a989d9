import { z } from "zod";
import { catalogue, type ErrorCode } from "../errors/catalogue.ts";
import { type JsonSchema, jsonSchema } from "../jsonSchema.ts";
import type { Operation, Permission } from "../operation.ts";
import { isWrite } from "../run.ts";
import type { Exchange } from "./exchange.ts";
import { isProblemJson, json, problemJson } from "./problem.ts";

/** Errors that every operation may return. */
export const commonErrors: readonly ErrorCode[] = [
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

/** Further errors of operations that take an Idempotency-Key. */
const idempotencyErrors: readonly ErrorCode[] = ["idempotency_in_progress", "idempotency_key_reused"];

/** The OpenAPI 3.1 document of these operations. Clients reach the server at `publicUrl`. */
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
    tags: ["liveness", ...new Set(operations.map(groupOf))].map((name) => ({ name })),
    paths: {
      "/v2/liveness": { get: liveness },
      ...Object.fromEntries(
        operations.map((operation) => [`/v2/${operation.name}`, { post: post(operation) }]),
      ),
    },
    components: {
      securitySchemes: { rootKey: { type: "http", scheme: "bearer" } },
      schemas: { Meta: metaSchema, Pagination: paginationSchema, Error: errorSchema },
    },
  };
}

/** Returns a function that responds with the document. The document is serialized on first use. */
export function servedOpenapi(operations: readonly Operation[], publicUrl: () => string) {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  return ({ headers }: Pick<Exchange, "headers">) => {
    headers["Connection"] = "close"; // like every large response
    bytes ??= new TextEncoder().encode(JSON.stringify(openapi(operations, publicUrl())));
    return new Response(bytes, { headers: { "Content-Type": json } });
  };
}

function groupOf(operation: Operation): string {
  return operation.name.split(".")[0] ?? "";
}

function post(operation: Operation): JsonSchema {
  const { name, summary, description } = operation;
  return {
    operationId: name,
    ...(isWrite(operation) ? { parameters: [idempotencyKey] } : {}),
    // a decision takes no Idempotency-Key, so a retry may count or spend twice: clients must not retry it blindly
    ...(operation.decides === true ? { "x-latchkey-counts": true } : {}),
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

/** Returns the sentence that says which permissions an operation needs. */
export function needs({ permission, orPermission, alsoNeeds = [] }: Operation): string {
  const [first = "", ...others] = [permission, ...alsoNeeds].map(shown);
  if (orPermission !== undefined) return `Needs the permission ${first} or ${shown(orPermission)}.`;
  return `Needs the permission${others.length === 0 ? "" : "s"} ${[first, ...others].join(" and ")}.`;
}

function shown(permission: Permission): string {
  return `\`${permission.replace("<id>", "*")}\``;
}

const warnings: JsonSchema = {
  type: "array",
  items: { type: "string" },
  description:
    "Probable mistakes in a request that was carried out. One sentence each. Omitted if nothing looks like a mistake.",
};

function success(operation: Operation): JsonSchema {
  const { output, page, example } = operation;
  const data = output ?? (page && z.array(page).max(longestPage));
  const properties: JsonSchema = { meta: metaRef };
  if (data !== undefined)
    properties["data"] = { description: dataMeaning(operation), ...jsonSchema(data, "output") };
  const required = [
    "meta",
    ...(data === undefined ? [] : ["data"]),
    ...(page === undefined ? [] : ["pagination"]),
  ];
  if (data === undefined) properties["warnings"] = warnings;
  if (page !== undefined) {
    properties["pagination"] = {
      $ref: "#/components/schemas/Pagination",
      description: "Whether there are more items, and how to get them.",
    };
  }
  const body: JsonSchema = { meta: { requestId: "req_0Ck3vDbnXhq2Tn6Yp1Zs4a" } };
  if (example.output !== undefined) body["data"] = example.output;
  if (page !== undefined) body["pagination"] = { hasMore: false };
  return {
    description: "The call succeeded.",
    content: {
      [json]: { schema: { type: "object", properties, required }, example: body },
    },
  };
}

function dataMeaning({ input, page, output }: Operation): string {
  const isOrdered = "order" in ((input as { shape?: object }).shape ?? {});
  if (page !== undefined) return `The items of this page${isOrdered ? "" : ", oldest first"}.`;
  return Object.keys((output as { shape?: object }).shape ?? { any: 0 }).length === 0
    ? "Always empty."
    : "The result.";
}

/** Every error that the operation may return. */
export function errorsOf(operation: Operation): ErrorCode[] {
  const own = isWrite(operation) ? [...operation.errors, ...idempotencyErrors] : operation.errors;
  return [...new Set<ErrorCode>([...commonErrors, ...own])];
}

/** Error responses by status. Codes with the same status share an entry. */
function refusals(operation: Operation): JsonSchema {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(operation)) {
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
            [isProblemJson(status, operation) ? problemJson : json]: {
              schema: { $ref: "#/components/schemas/Error" },
            },
          },
        },
      ]),
  );
}

/** The largest `limit` that a list accepts. */
const longestPage = 100;

const metaRef = { $ref: "#/components/schemas/Meta", description: "About the request." };

const liveness = {
  operationId: "liveness",
  tags: ["liveness"],
  summary: "Check that the server runs",
  description: "Needs no root key. Does not check the database or anything else that the server depends on.",
  security: [],
  responses: {
    "200": {
      description: "The server runs.",
      content: {
        [json]: {
          schema: {
            type: "object",
            properties: {
              meta: metaRef,
              data: {
                type: "object",
                description: "The result.",
                properties: {
                  message: {
                    type: "string",
                    minLength: 1,
                    maxLength: 255,
                    description: "A sentence for people.",
                  },
                },
                required: ["message"],
              },
            },
            required: ["meta", "data"],
          },
          example: {
            meta: { requestId: "req_0Ck3vDbnXhq2Tn6Yp1Zs4a" },
            data: { message: "Latchkey is alive." },
          },
        },
      },
    },
  },
};

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "A retry with the same key and body within 24 hours returns the first response and changes nothing. 1 to 255 visible ASCII characters.",
  schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[!-~]+$" },
};

const metaSchema = {
  type: "object",
  properties: {
    requestId: {
      type: "string",
      minLength: 1,
      maxLength: 255,
      description: "Identifies this request in the server's log.",
    },
  },
  required: ["requestId"],
};

const paginationSchema = {
  type: "object",
  properties: {
    hasMore: { type: "boolean", description: "Whether there is a next page." },
    cursor: {
      type: "string",
      minLength: 1,
      maxLength: 1024,
      description:
        "Where the next page begins. Send it as `cursor`, unchanged, to get that page. Omitted on the last page.",
    },
    completeSince: {
      type: "integer",
      minimum: 0,
      description:
        "Only in lists of single events, whose oldest events are deleted when space runs out. The list is complete from this time on. Unix time in milliseconds.",
    },
  },
  required: ["hasMore"],
};

const errorSchema = {
  type: "object",
  properties: {
    meta: metaRef,
    error: {
      type: "object",
      description: "What went wrong.",
      properties: {
        title: { type: "string", description: "What kind of error this is, in a few words." },
        detail: { type: "string", description: "What was wrong in this request, and what to do." },
        status: { type: "integer", minimum: 400, maximum: 599, description: "The HTTP status." },
        type: {
          type: "string",
          description: "The URL of the error's page. Its last segments identify the error.",
          // not an `enum`, because the beginning of a type's URL depends on the server's settings
          "x-latchkey-types": [...new Set(Object.values(catalogue).map((row) => row.type))].sort(),
        },
        errors: {
          type: "array",
          description: "The places in the request that are wrong. At most 100.",
          items: {
            type: "object",
            properties: {
              location: {
                type: "string",
                description: "Where the error is, such as `body.ratelimits[0].limit`.",
              },
              message: { type: "string", description: "What is wrong there." },
              fix: { type: "string", description: "What to send instead." },
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
