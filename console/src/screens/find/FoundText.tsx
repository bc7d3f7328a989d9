import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useOperation } from "../../data/queries.ts";
import { Problem } from "../../parts/Problem.tsx";

const pauseMs = 200;

const nowhere = "No identity, key or api has this text in its name.";
/** for a search of so many records that the server has read only a part of them */
const notYet = "Nothing found yet. To search further, use the search of the identities, keys or apis.";

/** Identities, keys and apis whose names contain the text. */
export function FoundText({ text, onDone }: { text: string; onDone(): void }) {
  const search = useSettled(text);
  const input = { search, limit: 5 };
  const options = { keepPrevious: true };
  const identities = useOperation("identities.listIdentities", input, options);
  const keys = useOperation("keys.listKeys", input, options);
  const apis = useOperation("apis.listApis", input, options);
  const all = [identities, keys, apis];
  const nothing = all.every(({ data }) => data?.data.length === 0);
  const isCut = all.some(({ data }) => data?.pagination?.hasMore === true);
  return (
    <>
      <Problem error={all.find(({ error }) => error !== null)?.error} />
      {nothing ? <p className="soft find-hint">{isCut ? notYet : nowhere}</p> : null}
      <Group title="Identities" isEmpty={(identities.data?.data ?? []).length === 0}>
        {identities.data?.data.map(({ id, externalId }) => (
          <Link
            key={id}
            to="/identities/$identity"
            params={{ identity: externalId }}
            onClick={onDone}
            dir="auto"
          >
            {externalId}
          </Link>
        ))}
      </Group>
      <Group title="Keys" isEmpty={(keys.data?.data ?? []).length === 0}>
        {keys.data?.data.map(({ keyId, name, start }) => (
          <Link key={keyId} to="/keys/$keyId" params={{ keyId }} onClick={onDone}>
            <span dir="auto">{name ?? keyId}</span>
            <span className="soft small">{start}…</span>
          </Link>
        ))}
      </Group>
      <Group title="APIs" isEmpty={(apis.data?.data ?? []).length === 0}>
        {apis.data?.data.map(({ id, name }) => (
          <Link key={id} to="/keys" search={{ apiId: id }} onClick={onDone} dir="auto">
            {name}
          </Link>
        ))}
      </Group>
    </>
  );
}

function Group({ title, isEmpty, children }: { title: string; isEmpty: boolean; children: React.ReactNode }) {
  if (isEmpty) return null;
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

/** Returns the text that was in the field when the user last stopped typing for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), pauseMs);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
