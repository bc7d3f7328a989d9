import { useParams } from "@tanstack/react-router";
import { Page } from "../../parts/Page.tsx";
import { RecentEvents } from "../../parts/RecentEvents.tsx";
import { TopCard } from "../../parts/TopCard.tsx";
import { UsageCard } from "../../parts/UsageCard.tsx";
import { AskLimit } from "./AskLimit.tsx";
import { Overrides } from "./Overrides.tsx";

export function Namespace() {
  const { namespace } = useParams({ from: "/limits/$namespace" });
  return (
    <Page
      title={namespace}
      lead="The decisions in this namespace, and its overrides: limits that replace the limit of a request."
    >
      <UsageCard subject={{ namespace }} title="Passed and refused" />
      <div className="columns">
        <AskLimit namespace={namespace} />
        <Overrides namespace={namespace} />
        <TopCard
          title="Most refused identifiers"
          of="identifiers"
          namespace={namespace}
          outcomes={["REFUSED"]}
        />
      </div>
      <RecentEvents filter={{ namespace, outcome: "REFUSED" }} title="Last refusals" />
    </Page>
  );
}
