import { useState } from "react";
import { useChange } from "../../data/queries.ts";
import { number } from "../../data/time.ts";
import { Button } from "../Button.tsx";
import { Fresh } from "../Fresh.tsx";
import { Meter } from "../Meter.tsx";
import { Badge } from "../Outcome.tsx";
import { Card } from "../Page.tsx";
import { Time } from "../Time.tsx";
import { AdjustDialog } from "./AdjustDialog.tsx";
import { GrantDialog } from "./GrantDialog.tsx";
import { type Owner, updatePermission } from "./owner.ts";
import { QuotasDialog } from "./QuotasDialog.tsx";
import type { Quota } from "./quotaDrafts.ts";

type Props = {
  owner: Owner;
  quotas: readonly Quota[];
  none: string;
};

/** The current state of the quotas of a key or an identity, with buttons that top up a quota or correct its use. */
export function QuotasCard({ owner, quotas, none }: Props) {
  const [isEdited, setEdited] = useState(false);
  return (
    <Card
      title="Quotas"
      actions={
        <Button small needs={updatePermission(owner)} onClick={() => setEdited(true)}>
          Edit quotas
        </Button>
      }
    >
      {quotas.length === 0 ? (
        <p className="soft">{none}</p>
      ) : (
        <ul className="stack">
          {quotas.map((quota) => (
            <QuotaState key={quota.name} owner={owner} quota={quota} />
          ))}
        </ul>
      )}
      {isEdited ? <EditQuotas owner={owner} onClose={() => setEdited(false)} /> : null}
    </Card>
  );
}

function EditQuotas({ owner, onClose }: { owner: Owner; onClose(): void }) {
  const identity = useChange("identities.updateIdentity", onClose);
  const key = useChange("keys.updateKey", onClose);
  const { isPending: busy, error } = "identity" in owner ? identity : key;
  if ("identity" in owner) {
    return (
      <Fresh operation="identities.getState" input={owner} onClose={onClose}>
        {({ quotas }) => (
          <QuotasDialog
            {...{ quotas, onClose, busy, error }}
            onSave={(next) => identity.mutate({ ...owner, quotas: next })}
          />
        )}
      </Fresh>
    );
  }
  return (
    <Fresh operation="keys.getState" input={owner} onClose={onClose}>
      {({ quotas }) => (
        <QuotasDialog
          {...{ quotas, onClose, busy, error }}
          onSave={(next) => key.mutate({ ...owner, quotas: next })}
        />
      )}
    </Fresh>
  );
}

function QuotaState({ owner, quota }: { owner: Owner; quota: Quota }) {
  const { name, limit, used, remaining, period, every, timeZone, resetsAt, grants = [] } = quota;
  const [open, setOpen] = useState<"grant" | "adjust">();
  const isFull = remaining === 0;
  const granted = grants.reduce((sum, one) => sum + one.remaining, 0);
  const close = () => setOpen(undefined);
  const needs = updatePermission(owner);
  return (
    <li className="limit">
      <div className="card-head">
        <span className="row">
          <strong dir="auto">{name}</strong>
          {isFull ? <Badge tone="bad">used up</Badge> : null}
        </span>
        <span>
          {number(used)}{" "}
          <span className="soft">
            of {number(limit)} per {every === 1 ? period : `${every} ${period}s`}
          </span>
        </span>
      </div>
      <Meter used={used} limit={limit} isFull={isFull} />
      <div className="card-head">
        <span className="small soft">
          {number(remaining)} left{granted > 0 ? `, ${number(granted)} of them granted` : ""}
          {", "}
          {resetsAt === undefined ? (
            "the period begins with the first use"
          ) : (
            <>
              resets <Time at={resetsAt} /> ({timeZone})
            </>
          )}
        </span>
        <span className="row">
          <Button small needs={needs} onClick={() => setOpen("grant")}>
            Top up
          </Button>
          <Button small needs={needs} onClick={() => setOpen("adjust")}>
            Correct
          </Button>
        </span>
      </div>
      {open === "grant" ? <GrantDialog owner={owner} name={name} onClose={close} /> : null}
      {open === "adjust" ? <AdjustDialog owner={owner} name={name} used={used} onClose={close} /> : null}
    </li>
  );
}
