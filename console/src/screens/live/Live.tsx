import { useState } from "react";
import { useFilters } from "../../data/filters.ts";
import { outcomeCodes, outcomeOf } from "../../data/outcomes.ts";
import { pageInput, useOperation } from "../../data/queries.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { EventsTable } from "../../parts/EventsTable.tsx";
import { SelectField } from "../../parts/fields.tsx";
import { Loading, Page } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { SearchField } from "../../parts/SearchField.tsx";
import { NothingFound } from "../../parts/Table.tsx";

const pollMs = 1_000;
const names = [
  "kind",
  "outcome",
  "identity",
  "keyId",
  "namespace",
  "identifier",
  "requestId",
  "tag",
] as const;

/** The latest verifications and rate limit decisions. Asks for them once a second while the tab is visible. */
export function Live() {
  const [filters, change] = useFilters();
  const [isPaused, setPaused] = useState(false);
  const set = Object.fromEntries(names.map((name) => [name, filters[name]]));
  const input = pageInput(set as Record<(typeof names)[number], string | undefined>) as Parameters<
    typeof useOperation<"analytics.listEvents">
  >[1];
  const { data, error } = useOperation("analytics.listEvents", input, {
    refetchInterval: isPaused ? false : pollMs,
    keepPrevious: true,
  });
  const clear = () => change(Object.fromEntries(names.map((name) => [name, undefined])));
  return (
    <Page
      title="Live"
      lead="The last verifications and rate limit decisions, at most two seconds late."
      actions={
        <button type="button" className="button" aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>
          {isPaused ? "Resume" : "Pause"}
        </button>
      }
    >
      <LiveFilters />
      <Problem error={error} />
      {data === undefined && error === null ? <Loading what="events" /> : null}
      {data?.data.length === 0 ? (
        <NothingFound
          among={data.pagination?.hasMore === true ? "the latest events" : undefined}
          onClear={clear}
        />
      ) : null}
      {data === undefined || data.data.length === 0 ? null : (
        <section className="table-frame" aria-label="Events">
          <EventsTable events={data.data} />
        </section>
      )}
      <AsCode operation="analytics.listEvents" input={input} />
    </Page>
  );
}

function LiveFilters() {
  const [{ kind, outcome, identity, keyId, namespace, identifier }, change] = useFilters();
  return (
    <div className="filters">
      <SelectField
        label="Kind"
        value={kind ?? ""}
        onChange={(value) => change({ kind: value })}
        options={[
          ["", "all"],
          ["verification", "verifications"],
          ["ratelimit", "rate limit decisions"],
          ["settlement", "settlements"],
        ]}
      />
      <SelectField
        label="Outcome"
        value={outcome ?? ""}
        onChange={(value) => change({ outcome: value })}
        options={[["", "all"], ...outcomeCodes.map((code) => [code, outcomeOf(code).label] as const)]}
      />
      <SearchField label="Identity" value={identity} onChange={(text) => change({ identity: text })} />
      <SearchField label="Key id" value={keyId} onChange={(text) => change({ keyId: text })} />
      <SearchField label="Namespace" value={namespace} onChange={(text) => change({ namespace: text })} />
      <SearchField label="Identifier" value={identifier} onChange={(text) => change({ identifier: text })} />
    </div>
  );
}
