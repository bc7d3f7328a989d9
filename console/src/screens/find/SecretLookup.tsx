import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useId, useRef } from "react";
import { call } from "../../data/api.ts";
import { hashKey } from "../../data/sha256.ts";
import { Problem } from "../../parts/Problem.tsx";

type Props = { secret: string; onDone(): void; onText(text: string): void };

/** Looks a key up by the hash of its secret, and opens it. */
export function SecretLookup({ secret, onDone, onText }: Props) {
  const navigate = useNavigate();
  const id = useId();
  const { data, error, isPending } = useQuery({
    queryKey: ["find by hash", id], // the secret itself is not kept in a cache
    gcTime: 0,
    staleTime: 0,
    queryFn: async ({ signal }) => {
      const keyHash = await hashKey(secret);
      return (await call("keys.explain", { keyHash }, { signal })).data;
    },
  });
  const keyId = data?.keyId;
  const opened = useRef(false);
  useEffect(() => {
    if (keyId === undefined || opened.current) return;
    opened.current = true;
    onDone();
    void navigate({ to: "/keys/$keyId", params: { keyId } });
  });
  if (isPending || keyId !== undefined)
    return <p className="soft find-hint">Looking the key up by its hash…</p>;
  if (error !== null) return <Problem error={error} />;
  return (
    <div className="note">
      <strong>No key with this hash</strong>
      <p>
        It was deleted long ago, belongs to another workspace or to an api that you may not read, or it waits
        for its migration: a key that was hashed in another way cannot be found by its hash before its first
        verification.
      </p>
      <div className="row">
        <button type="button" className="button small" onClick={() => onText(secret)}>
          It is not a secret: search for it as text
        </button>
      </div>
    </div>
  );
}
