import { z } from "zod";
import type { CallReply, UpstreamClient } from "../../upstream/client.ts";
import { DocumentError } from "../parseRecord.ts";

export type UnkeySource = {
  client: UpstreamClient;
  /** waits this long; called before a failed call is retried */
  pause(ms: number): Promise<void>;
};

const attempts = 6;
const firstPauseMs = 500;
const longestPauseMs = 30_000;

const envelope = z.object({
  data: z.unknown(),
  pagination: z.object({ hasMore: z.boolean(), cursor: z.string().max(4_096).optional() }).optional(),
});

/**
 * Calls an operation of the other server and returns the response's `data`. A call that failed for a temporary reason
 * is retried. Errors: `DocumentError` if the last attempt fails, or if the response has an unexpected form.
 */
export async function readData<T extends z.ZodType>(
  source: UnkeySource,
  operation: string,
  body: object,
  schema: T,
): Promise<z.output<T>> {
  return valid(operation, schema, (await call(source, operation, body)).data);
}

/** Reads the pages of a list. Errors: `DocumentError` like `readData`, and if the server repeats a page's cursor. */
export async function* readPages<T extends z.ZodType>(
  source: UnkeySource,
  operation: string,
  body: object,
  item: T,
): AsyncGenerator<z.output<T>[]> {
  let cursor: string | undefined;
  for (;;) {
    const page = await call(source, operation, { ...body, ...(cursor === undefined ? {} : { cursor }) });
    const items = valid(operation, z.array(item).max(1_000), page.data);
    if (items.length > 0) yield items;
    const next = page.pagination?.hasMore === true ? page.pagination.cursor : undefined;
    if (next === undefined || next === "") return;
    if (next === cursor)
      throw new DocumentError(
        `${operation} of the other server returned the same cursor twice, so the list would never end. Run the import again.`,
      );
    cursor = next;
  }
}

async function call({ client, pause }: UnkeySource, operation: string, body: object) {
  for (let attempt = 1; ; attempt += 1) {
    const reply = await client(operation, body);
    if (!("fault" in reply) && reply.status === 200) return valid(operation, envelope, reply.body);
    if (attempt === attempts || !isTemporary(reply)) throw new DocumentError(failureOf(operation, reply));
    const asked = "fault" in reply ? 0 : Number(reply.retryAfter ?? 0) * 1000;
    await pause(Math.min(longestPauseMs, Math.max(asked || 0, firstPauseMs * 2 ** (attempt - 1))));
  }
}

function isTemporary(reply: CallReply): boolean {
  if ("fault" in reply) return reply.fault !== "too_large";
  return reply.status === 429 || reply.status === 408 || reply.status >= 500;
}

const problem = z.object({ error: z.object({ detail: z.string().transform((text) => text.slice(0, 500)) }) });

function failureOf(operation: string, reply: CallReply): string {
  if ("fault" in reply) {
    return `${operation} of the other server failed: ${reply.fault}. Check the server's address, and run the import again.`;
  }
  const detail = problem.safeParse(reply.body).data?.error.detail ?? "the response gives no reason";
  const fix =
    reply.status === 401 || reply.status === 403
      ? " Use a root key of the other server that may read apis, keys, identities, permissions, roles and overrides."
      : "";
  return `${operation} of the other server returned ${reply.status}: ${JSON.stringify(detail)}.${fix}`;
}

function valid<T extends z.ZodType>(operation: string, schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const place = result.error.issues[0]?.path.join(".") ?? "";
  throw new DocumentError(
    `${operation} of the other server returned an unexpected response: ${place === "" ? "the response" : `the field ${place}`} is not as Unkey documents it. Check that the address is that of an Unkey API.`,
  );
}
