import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useId, useRef } from "react";
import { call } from "../../data/api.ts";
import { hashKey } from "../../data/sha256.ts";
import { Problem } from "../../parts/Problem.tsx";

type Props = { secret: string; onDone(): void; onText(text: string): void };

/** Looks a key up by its hash, and opens the page of the key. */
export function SecretLookup({ secret, onDone, onText }: Props) {
  const navigate = useNavigate();
  const id = useId();
  const { data, error, isPending } = useQuery({
    queryKey: ["find by hash", id], // not the secret itself, which would stay in the cache of responses
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
        The key does not exist, was deleted long ago, or belongs to another workspace or to an api that you
        may not read. Or it was imported with a hash of another kind: such a key can be found only after its
        first verification.
      </p>
      <div className="row">
        <button type="button" className="button small" onClick={() => onText(secret)}>
          This is not a secret: search for it as text
        </button>
      </div>
    </div>
  );
}
