import type { Data } from "../../data/api.ts";
import { number } from "../../data/time.ts";
import { Card, Fact, Facts } from "../Page.tsx";
import { Time } from "../Time.tsx";

type State = Pick<Data<"keys.getState">, "credits" | "nextRefillAt">;

/** The current credits of a key or an identity. */
export function CreditsCard({ state: { credits, nextRefillAt } }: { state: State }) {
  const { remaining, refill } = credits;
  return (
    <Card title="Credits">
      {remaining === null ? (
        <p className="soft">Unlimited.</p>
      ) : (
        <Facts>
          <Fact name="Left">
            <strong>{number(remaining)}</strong>
          </Fact>
          <Fact name="Refill">
            {refill === undefined ? "none" : `to ${number(refill.amount)}, ${refill.interval}`}
          </Fact>
          <Fact name="Next refill">
            <Time at={nextRefillAt} none="none" />
          </Fact>
        </Facts>
      )}
    </Card>
  );
}
