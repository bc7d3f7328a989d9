import {
  keepPreviousData,
  MutationCache,
  QueryCache,
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useState } from "react";
import { call, type Data, type Input, type Item, type OperationName } from "./api.ts";
import { ConnectionLost, isSessionMissing } from "./errors.ts";
import { minuteMs } from "./time.ts";

/**
 * Creates the cache of responses. `onSessionMissing` is called when the server refuses a call because the session has
 * ended.
 */
export function newQueryClient(onSessionMissing: () => void): QueryClient {
  const onError = (error: unknown) => {
    if (isSessionMissing(error)) onSessionMissing();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        networkMode: "always",
        retry: (_, error) => error instanceof ConnectionLost,
        retryDelay: (attempt) => Math.min(5_000, 500 * 2 ** attempt),
      },
      mutations: { networkMode: "always", retry: false },
    },
  });
}

type QueryOptions = {
  enabled?: boolean;
  refetchInterval?: number | false;
  /** whether the previous rows stay visible while the rows for new filters are loading */
  keepPrevious?: boolean;
};

/** Calls an operation that only reads, and returns the state of the call and its response. */
export function useOperation<N extends OperationName>(name: N, input: Input<N>, options: QueryOptions = {}) {
  const { keepPrevious = false, ...rest } = options;
  return useQuery({
    queryKey: [name, input],
    queryFn: ({ signal }) => call(name, input, { signal }),
    ...rest,
    ...(keepPrevious ? { placeholderData: keepPreviousData } : {}),
  });
}

/**
 * Reads the apis or roles from which the user can choose: the whole list, or its first 1,000. This can take ten calls,
 * so the list is kept for a minute. What another operator creates meanwhile appears only then.
 */
export function useChoices<N extends "apis.listApis" | "permissions.listRoles">(name: N, isEnabled = true) {
  return useQuery({
    queryKey: [name, "choices"],
    staleTime: minuteMs,
    refetchOnWindowFocus: false,
    enabled: isEnabled,
    queryFn: async ({ signal }) => {
      const items: Item<N>[] = [];
      let cursor: string | undefined;
      do {
        const page = await call(name, { limit: 100, cursor } as unknown as Input<N>, { signal });
        items.push(...(page.data as Item<N>[]));
        cursor = page.pagination?.cursor;
      } while (cursor !== undefined && items.length < 1_000);
      return items;
    },
  });
}

/**
 * Returns a mutation that calls an operation that writes, and then refreshes everything that the page shows. If a call
 * fails and the user sends the same input again, both calls have the same Idempotency-Key, so the server writes once.
 * After `reset`, the same input is a new change with a new key.
 */
export function useChange<N extends OperationName>(name: N, onDone?: (data: Data<N>) => void) {
  const client = useQueryClient();
  const [sent, setSent] = useState<{ text: string; key: string }>();
  const mutation = useMutation({
    mutationFn: (input: Input<N>) => {
      const text = JSON.stringify(input);
      const key = sent?.text === text ? sent.key : randomId();
      setSent({ text, key });
      return call(name, input, { idempotencyKey: key });
    },
    onSuccess: ({ data }) => {
      setSent(undefined);
      onDone?.(data);
      return client.invalidateQueries(); // the change stays in progress until the page shows its effect
    },
  });
  const reset = () => {
    setSent(undefined);
    mutation.reset();
  };
  return { ...mutation, reset };
}

/** Returns a random id. Browsers have `crypto.randomUUID` only over HTTPS and on localhost. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns the input for one page of a list: 50 rows, and the filters that are set. */
export function pageInput<T extends object>(
  filters: T,
): { limit: number } & { [K in keyof T]?: NonNullable<T[K]> } {
  const set = Object.entries(filters).filter(([, value]) => value !== undefined && value !== "");
  return { limit: 50, ...Object.fromEntries(set) } as { limit: number } & {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
