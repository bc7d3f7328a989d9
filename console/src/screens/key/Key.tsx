import { Link, useParams } from "@tanstack/react-router";
import type { Data } from "../../data/api.ts";
import { useOperation } from "../../data/queries.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { AuditTrail } from "../../parts/AuditTrail.tsx";
import { CreditsCard } from "../../parts/account/CreditsCard.tsx";
import { Ledger } from "../../parts/account/Ledger.tsx";
import { QuotasCard } from "../../parts/account/QuotasCard.tsx";
import { Id } from "../../parts/Copy.tsx";
import { LimitStates } from "../../parts/LimitStates.tsx";
import { Meta } from "../../parts/Meta.tsx";
import { Card, Fact, Facts, Loading, Page } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { RecentEvents } from "../../parts/RecentEvents.tsx";
import { Time } from "../../parts/Time.tsx";
import { UsageCard } from "../../parts/UsageCard.tsx";
import { AccessCard } from "./AccessCard.tsx";
import { KeyActions } from "./KeyActions.tsx";
import { StateSentence } from "./StateSentence.tsx";

export function Key() {
  const { keyId } = useParams({ from: "/keys/$keyId" });
  const { data, error } = useOperation("keys.getKey", { keyId });
  if (data === undefined) {
    return (
      <Page title="Key">
        {error === null ? <Loading what="the key" /> : <Problem error={error} />}
        {error === null ? null : <AuditTrail targetId={keyId} />}
      </Page>
    );
  }
  const key = data.data;
  return (
    <Page
      title={key.name ?? (key.start === "" ? "Key without a name" : `${key.start}…`)}
      lead={<Id id={keyId} what="key id" />}
      actions={<KeyActions value={key} />}
    >
      <StateSentence keyId={keyId} />
      <State keyId={keyId} />
      <UsageCard subject={{ keyId }} />
      <div className="columns">
        <AccessCard value={key} />
        <DetailsCard value={key} />
      </div>
      <RecentEvents filter={{ keyId }} />
      <Ledger owner={{ keyId }} />
      <AuditTrail targetId={keyId} />
      <AsCode operation="keys.getKey" input={{ keyId }} />
    </Page>
  );
}

function State({ keyId }: { keyId: string }) {
  const { data, error } = useOperation("keys.getState", { keyId }, { refetchInterval: 5_000 });
  if (data === undefined) return error === null ? <Loading what="limits" /> : <Problem error={error} />;
  const state = data.data;
  return (
    <>
      <div className="columns">
        <Card title="Rate limits">
          <LimitStates limits={state.ratelimits} none="No limit counts its verifications." />
        </Card>
        <CreditsCard state={state} />
      </div>
      <QuotasCard owner={{ keyId }} quotas={state.quotas} none="No quotas of its own." />
    </>
  );
}

function DetailsCard({ value: key }: { value: Data<"keys.getKey"> }) {
  const { identity, createdAt, updatedAt, lastUsedAt, expires, meta } = key;
  const owner =
    identity === undefined ? (
      <span className="soft">nobody</span>
    ) : (
      <Link to="/identities/$identity" params={{ identity: identity.externalId }} dir="auto">
        {identity.externalId}
      </Link>
    );
  return (
    <Card title="Details">
      <Facts>
        <Fact name="Owner">{owner}</Fact>
        <Fact name="Begins with">
          {key.start === "" ? <span className="soft">unknown</span> : <code>{key.start}…</code>}
        </Fact>
        <Fact name="Created">
          <Time at={createdAt} />
        </Fact>
        <Fact name="Changed">
          <Time at={updatedAt} />
        </Fact>
        <Fact name="Last used">
          <Time at={lastUsedAt} />
        </Fact>
        <Fact name="Expires">
          <Time at={expires} />
        </Fact>
      </Facts>
      {meta === undefined ? null : <Meta meta={meta} />}
    </Card>
  );
}
