import { withResponse } from "./call.ts";
import type { Page, PageCall } from "./calls.ts";
import { type Envelope, rawResponses } from "./exchange.ts";

type Input = { cursor?: string } | undefined;

/** Requests the first page of a list. The result also iterates over all items and, with `pages()`, over all pages. */
export function pageCall<T>(input: Input, ask: (input: Input) => Promise<Envelope>): PageCall<T> {
  const first = page<T>(input, ask);
  async function* pages(): AsyncGenerator<Page<T>> {
    for (let current: Page<T> | null = await first; current !== null; current = await current.next())
      yield current;
  }
  async function* items(): AsyncGenerator<T> {
    for await (const { data } of pages()) yield* data;
  }
  return Object.assign(withResponse(first), { pages, [Symbol.asyncIterator]: items });
}

async function page<T>(input: Input, ask: (input: Input) => Promise<Envelope>): Promise<Page<T>> {
  const envelope = (await ask(input)) as Omit<Page<T>, "next">;
  const { hasMore, cursor } = envelope.pagination;
  const found: Page<T> = {
    ...envelope,
    async next() {
      if (!hasMore || !cursor) return null;
      return page({ ...input, cursor }, ask);
    },
  };
  const response = rawResponses.get(envelope);
  if (response !== undefined) rawResponses.set(found, response);
  return found;
}
