import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { number, span } from "../../data/time.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { Button } from "../../parts/Button.tsx";
import { SelectField, TextField } from "../../parts/fields.tsx";
import { draftOf, limitsOf, type Unit, units } from "../../parts/limitDrafts.ts";
import { Badge } from "../../parts/Outcome.tsx";
import { Card } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";

/** Which limit applies to an identifier, and how much is left of it. Cost 0 counts nothing. */
export function AskLimit({ namespace }: { namespace: string }) {
  const [identifier, setIdentifier] = useState("");
  const [draft, setDraft] = useState(() => draftOf({ name: "ask", limit: 100, duration: 60_000 }));
  const [asked] = limitsOf([draft]);
  const input = { namespace, identifier, limit: asked?.limit ?? 0, duration: asked?.duration ?? 0, cost: 0 };
  const ask = useMutation({ mutationFn: () => call("ratelimit.limit", input) });
  return (
    <Card title="Which limit applies?">
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          ask.mutate();
        }}
      >
        <TextField
          label="Identifier"
          value={identifier}
          onChange={setIdentifier}
          error={flawAt(ask.error, "identifier")}
        />
        <div className="fields">
          <TextField
            label="Your limit"
            kind="number"
            value={draft.limit}
            onChange={(limit) => setDraft({ ...draft, limit })}
            error={flawAt(ask.error, "limit")}
          />
          <TextField
            label="Every"
            kind="number"
            value={draft.length}
            onChange={(length) => setDraft({ ...draft, length })}
            error={flawAt(ask.error, "duration")}
          />
          <SelectField
            label="Unit"
            value={draft.unit}
            onChange={(unit) => setDraft({ ...draft, unit: unit as Unit })}
            options={Object.keys(units).map((unit) => [unit, unit] as const)}
          />
        </div>
        <div className="row">
          <Button submits needs="ratelimit.<id>.limit" busy={ask.isPending}>
            Ask
          </Button>
        </div>
      </form>
      <Problem error={ask.error} shownAtFields={["identifier", "limit", "duration"]} />
      {ask.data === undefined ? null : <Applied applied={ask.data.data} asked={input} />}
      <AsCode operation="ratelimit.limit" input={input} />
    </Card>
  );
}

type AppliedProps = {
  applied: { limit: number; remaining: number; success: boolean; overrideId?: string };
  asked: { duration: number };
};

function Applied({ applied: { limit, remaining, overrideId }, asked }: AppliedProps) {
  return (
    <p className="note" role="status">
      <strong>
        {number(remaining)} of {number(limit)} left
      </strong>
      {overrideId === undefined ? (
        <span>No override matches: the limit of the request applies, per {span(asked.duration)}.</span>
      ) : (
        <span className="row">
          <Badge>override</Badge> <code>{overrideId}</code>
        </span>
      )}
    </p>
  );
}
