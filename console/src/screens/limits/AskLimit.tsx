import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Input } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { number, span } from "../../data/time.ts";
import { AsCode } from "../../parts/AsCode.tsx";
import { Button } from "../../parts/Button.tsx";
import { TextField } from "../../parts/fields.tsx";
import { draftOf, limitsOf } from "../../parts/limitDrafts.ts";
import { Badge } from "../../parts/Outcome.tsx";
import { Card } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { WindowFields } from "../../parts/WindowFields.tsx";

/**
 * Shows which limit applies to an identifier, and how much is left of it. Asks with a cost of 0, which counts nothing.
 */
export function AskLimit({ namespace }: { namespace: string }) {
  const [identifier, setIdentifier] = useState("");
  const [draft, setDraft] = useState(() => draftOf({ name: "ask", limit: 100, duration: 60_000 }));
  const [asked] = limitsOf([draft]);
  const input = { namespace, identifier, limit: asked?.limit ?? 0, duration: asked?.duration ?? 0, cost: 0 };
  const ask = useMutation({ mutationFn: (sent: Input<"ratelimit.limit">) => call("ratelimit.limit", sent) });
  return (
    <Card title="Which limit applies?">
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          ask.mutate(input);
        }}
      >
        <TextField
          label="Identifier"
          value={identifier}
          onChange={setIdentifier}
          error={flawAt(ask.error, "identifier")}
        />
        <div className="fields">
          <WindowFields
            draft={draft}
            onChange={(change) => setDraft({ ...draft, ...change })}
            errorAt={(field) => flawAt(ask.error, field)}
            label="Limit of the request"
          />
        </div>
        <div className="row">
          <Button submits needs="ratelimit.<id>.limit" busy={ask.isPending}>
            Ask
          </Button>
        </div>
      </form>
      <Problem error={ask.error} shownAtFields={["identifier", "limit", "duration"]} />
      {ask.isSuccess ? <Applied applied={ask.data.data} asked={ask.variables} /> : null}
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
        <span>
          No override matches, so the limit of the request applies: {number(limit)} per {span(asked.duration)}
          .
        </span>
      ) : (
        <span className="row">
          <Badge>override</Badge> <code>{overrideId}</code>
        </span>
      )}
    </p>
  );
}
