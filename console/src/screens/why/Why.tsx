import type { Input } from "../../data/api.ts";
import { type Filters, useFilters } from "../../data/filters.ts";
import { useOperation } from "../../data/queries.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { numberIn } from "../../parts/limitDrafts.ts";
import { Loading, Page } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { Explanation } from "./Explanation.tsx";
import { WhyForm } from "./WhyForm.tsx";

/** The screen that explains why a request with a key passes or is refused. Nothing is counted or spent. */
export function Why() {
  const [filters, change] = useFilters();
  const { requestId } = filters;
  const input = inputOf(filters);
  const { data, error, isFetching, refetch } = useOperation("keys.explain", input ?? {}, {
    enabled: input !== undefined,
    keepPrevious: input !== undefined,
  });
  return (
    <Page
      title="Why was it refused?"
      lead="Every check of a verification, in order, as it would be now. Nothing is counted or spent."
    >
      <WhyForm key={JSON.stringify(filters)} error={error} busy={isFetching} onAgain={() => void refetch()} />
      <Problem error={error} shownAtFields={["keyId", "permissions", "credits"]} />
      {error === null || requestId === undefined ? null : (
        <div className="row">
          <button type="button" className="button" onClick={() => change({ requestId: undefined })}>
            Explain the key without this request
          </button>
        </div>
      )}
      {input !== undefined && data === undefined && error === null ? <Loading what="the checks" /> : null}
      {data === undefined || input === undefined ? null : <Explanation explanation={data.data} />}
      {input === undefined ? null : <AsCode operation="keys.explain" input={input} />}
    </Page>
  );
}

/** Returns the request to explain: a recorded one, or one that the form describes. `undefined`: none was chosen yet. */
function inputOf(filters: Filters): Input<"keys.explain"> | undefined {
  const { requestId, keyId, keyHash, permissions, cost } = filters;
  if (requestId !== undefined) return keyId === undefined ? { requestId } : { requestId, keyId };
  if (keyId === undefined && keyHash === undefined) return undefined;
  return {
    ...(keyHash === undefined ? { keyId: keyId ?? "" } : { keyHash }),
    ...(permissions === undefined ? {} : { permissions }),
    ...(cost === undefined ? {} : { credits: { cost: numberIn(cost) } }),
  };
}
