import { openapi } from "../../src/http/openapi.ts";
import { operations } from "../../src/operations/index.ts";
import type { OfficialClient } from "./officialClient.ts";

const hosting = "belongs to Unkey's hosting product";

/** Groups and single operations that the official clients offer and this server does not, each with the reason. */
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
};

/** One operation of an official client, and what this server does with it. */
export type Offered = {
  operation: string;
  /** the clients that have it */
  clients: string[];
  support: { state: "served" } | { state: "missing" } | { state: "not offered"; reason: string };
  /** fields that a client can send, but that the operation of this server rejects */
  unknownFields: string[];
};

/** Lists every operation of these clients, in the order of their names. */
export async function compareOperations(clients: readonly OfficialClient[]): Promise<Offered[]> {
  const served = servedFields();
  const found = new Map<string, Offered>();
  for (const client of clients) {
    for (const [operation, { fields = [] }] of await client.operations()) {
      const known = served.get(operation);
      const row = found.get(operation) ?? {
        operation,
        clients: [],
        support: stateOf(operation, known),
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

function stateOf(operation: string, known: ReadonlySet<string> | undefined): Offered["support"] {
  if (known !== undefined) return { state: "served" };
  const reason = notOffered[operation] ?? notOffered[operation.split(".")[0] ?? ""];
  return reason === undefined ? { state: "missing" } : { state: "not offered", reason };
}

/** Lists what these clients can do and this server lacks, one line for each gap. */
export function gapsOf(offered: readonly Offered[]): string[] {
  return offered.flatMap(({ operation, support, unknownFields }) => [
    ...(support.state === "missing" ? [`${operation} is not served`] : []),
    ...unknownFields.map((field) => `${operation} does not take ${field}`),
  ]);
}

type Schema = {
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
};

/** Returns the fields that a request of each operation may have, such as `ratelimits[].name`. */
function servedFields(): Map<string, ReadonlySet<string>> {
  const { paths } = openapi(operations, "") as { paths: Record<string, Path> };
  return new Map(
    Object.entries(paths).map(([path, { post }]) => [
      path.replace(/^\/v2\//, ""),
      new Set(post === undefined ? [] : fieldsOf(post.requestBody.content["application/json"].schema, "")),
    ]),
  );
}

type Path = { post?: { requestBody: { content: { "application/json": { schema: Schema } } } } };

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
