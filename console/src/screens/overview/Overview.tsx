import { useServerStatus } from "../../data/serverStatus.ts";
import { Page } from "../../parts/Page.tsx";
import { RecentEvents } from "../../parts/RecentEvents.tsx";
import { ServerWarnings } from "../../parts/ServerWarnings.tsx";
import { TopCard } from "../../parts/TopCard.tsx";
import { UsageCard } from "../../parts/UsageCard.tsx";
import { Expiring } from "./Expiring.tsx";
import { Unused } from "./Unused.tsx";
import { Warnings } from "./Warnings.tsx";

export function Overview() {
  return (
    <Page title="Overview">
      <ServerState />
      <Warnings />
      <UsageCard subject={{}} title="Verifications" />
      <div className="columns">
        <TopCard
          title="Most refused identities"
          of="identities"
          outcomes={["RATE_LIMITED", "USAGE_EXCEEDED", "INSUFFICIENT_PERMISSIONS", "EXPIRED", "DISABLED"]}
        />
        <Expiring />
        <Unused />
      </div>
      <RecentEvents filter={{ outcome: "RATE_LIMITED" }} title="Last rate limited" />
    </Page>
  );
}

/** The server's warnings, if this session has the permission to read the state of the server. */
function ServerState() {
  const { data } = useServerStatus();
  return data === undefined ? null : <ServerWarnings status={data.data} />;
}
