import { openapi } from "../../src/http/openapi.ts";
import { operations } from "../../src/operations/index.ts";
import type { OfficialClient } from "./officialClient.ts";

const hosting = "belongs to Unkey's hosting product";

/** What the official clients offer and this server does not: whole groups, or single operations, with the reason. */
const notOffered: Readonly<Record<string, string>> = {
  apps: hosting,
  deployments: hosting,
  domains: hosting,
  environments: hosting,
  gateway: hosting,
  github: hosting,
  deploy: hosting,
  portal: hosting,
  projects: hosting,
  workspace: "reports the plan of a hosted account",
  rootKeys: "root keys are made by whoever runs the server: `latchkey root-key`",
  "analytics.getGatewayRequests": hosting,
  "analytics.getRuntimeLogs": hosting,
};

/** Fields that a client can send and this server refuses by name, with the reason. */
export const refusedFields: Readonly<Record<string, string>> = {
  "keys.verifyKey keyspaces":
    "new in unkey.py 3.2; an api is told apart by the root key's permission instead",
};

/** One operation of an official client, and what this server does with it. */
export type Offered = {
  operation: string;
  /** the clients that have it */
  clients: string[];
  here: { state: "served" } | { state: "missing" } | { state: "not offered"; reason: string };
  /** fields that a client can send and the operation does not know */
  unknownFields: string[];
};

/** Every operation of these clients, by name. */
export async function compareOperations(clients: readonly OfficialClient[]): Promise<Offered[]> {
  const served = servedFields();
  const found = new Map<string, Offered>();
  for (const client of clients) {
    for (const [operation, { fields = [] }] of await client.operations()) {
      const known = served.get(operation);
      const row = found.get(operation) ?? {
        operation,
        clients: [],
        here: stateOf(operation, known),
        unknownFields: [],
      };
      row.clients.push(client.name);
      if (known !== undefined)
        row.unknownFields = [
          ...new Set([...row.unknownFields, ...fields.filter((field) => !known.has(field))]),
        ];
      found.set(operation, row);
    }
  }
  return [...found.values()].sort((a, b) => (a.operation < b.operation ? -1 : 1));
}

function stateOf(operation: string, known: ReadonlySet<string> | undefined): Offered["here"] {
  if (known !== undefined) return { state: "served" };
  const reason = notOffered[operation] ?? notOffered[operation.split(".")[0] ?? ""];
  return reason === undefined ? { state: "missing" } : { state: "not offered", reason };
}

/** What is in the way of using this server in place of Unkey's, one line each. */
export function gapsOf(offered: readonly Offered[]): string[] {
  return offered.flatMap(({ operation, here, unknownFields }) => [
    ...(here.state === "missing" ? [`${operation} is not served`] : []),
    ...unknownFields
      .filter((field) => refusedFields[`${operation} ${field}`] === undefined)
      .map((field) => `${operation} does not take ${field}`),
  ]);
}

type Schema = {
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
};

/** By operation, every field that its request may hold, as `ratelimits[].name`. */
function servedFields(): Map<string, ReadonlySet<string>> {
  const { paths } = openapi(operations, "") as { paths: Record<string, Path> };
  return new Map(
    Object.entries(paths).map(([path, { post }]) => [
      path.replace(/^\/v2\//, ""),
      new Set(fieldsOf(post.requestBody.content["application/json"].schema, "")),
    ]),
  );
}

type Path = { post: { requestBody: { content: { "application/json": { schema: Schema } } } } };

function fieldsOf(schema: Schema, prefix: string): string[] {
  return [
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((branch) => fieldsOf(branch, prefix)),
    ...(schema.items === undefined ? [] : fieldsOf(schema.items, `${prefix}[]`)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
      const path = prefix === "" ? name : `${prefix}.${name}`;
      return [path, ...fieldsOf(inner, path)];
    }),
  ];
}
