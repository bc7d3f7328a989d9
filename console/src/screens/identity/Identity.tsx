import { useParams } from "@tanstack/react-router";
import { useOperation } from "../../data/queries.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { AuditTrail } from "../../parts/AuditTrail.tsx";
import { CreditsCard } from "../../parts/account/CreditsCard.tsx";
import { Ledger } from "../../parts/account/Ledger.tsx";
import { QuotasCard } from "../../parts/account/QuotasCard.tsx";
import { Id } from "../../parts/Copy.tsx";
import { LimitStates } from "../../parts/LimitStates.tsx";
import { Meta } from "../../parts/Meta.tsx";
import { Card, Loading, Page } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { RecentEvents } from "../../parts/RecentEvents.tsx";
import { UsageCard } from "../../parts/UsageCard.tsx";
import { IdentityActions } from "./IdentityActions.tsx";
import { IdentityKeys } from "./IdentityKeys.tsx";

export function Identity() {
  const { identity: ref } = useParams({ from: "/identities/$identity" });
  const { data, error } = useOperation("identities.getIdentity", { identity: ref });
  if (data === undefined) {
    return (
      <Page title={ref}>{error === null ? <Loading what="the identity" /> : <Problem error={error} />}</Page>
    );
  }
  const identity = data.data;
  const { id, externalId, meta } = identity;
  return (
    <Page
      title={externalId}
      lead={<Id id={id} what="identity id" />}
      actions={<IdentityActions identity={identity} />}
    >
      <State id={id} />
      <Card title="Meta">
        <Meta meta={meta} />
      </Card>
      <IdentityKeys id={id} externalId={externalId} />
      <UsageCard subject={{ identity: id }} />
      <RecentEvents filter={{ identity: id }} />
      <Ledger owner={{ identity: id }} />
      <AuditTrail targetId={id} />
      <AsCode operation="identities.getIdentity" input={{ identity: externalId }} />
    </Page>
  );
}

function State({ id }: { id: string }) {
  const { data, error } = useOperation("identities.getState", { identity: id }, { refetchInterval: 5_000 });
  if (data === undefined) return error === null ? <Loading what="limits" /> : <Problem error={error} />;
  const state = data.data;
  return (
    <>
      <div className="columns">
        <Card title="Rate limits">
          <LimitStates limits={state.ratelimits} none="Its keys share no limits." />
        </Card>
        <CreditsCard state={state} />
      </div>
      <QuotasCard owner={{ identity: id }} quotas={state.quotas} none="Its keys share no quotas." />
    </>
  );
}
