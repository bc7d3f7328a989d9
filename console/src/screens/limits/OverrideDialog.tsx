import { useState } from "react";
import type { Item } from "../../data/api.ts";
import { flawAt } from "../../data/errors.ts";
import { useChange } from "../../data/queries.ts";
import { FormDialog, NoticeDialog } from "../../parts/Dialog.tsx";
import { Fresh } from "../../parts/Fresh.tsx";
import { TextField } from "../../parts/fields.tsx";
import { draftOf, limitsOf } from "../../parts/limitDrafts.ts";
import { WindowFields } from "../../parts/WindowFields.tsx";

type Override = Item<"ratelimit.listOverrides">;

type Props = {
  namespace: string;
  /** the override to edit; undefined: create one */
  override: Override | undefined;
  onClose(): void;
};

/**
 * The dialog that edits an override. If the override has been deleted since the page was loaded, saving would create it
 * again, so the dialog says that it was deleted. `ratelimit.getOverride` then returns another override whose pattern
 * matches, or an error.
 */
export function EditOverride({ namespace, override, onClose }: Props & { override: Override }) {
  const { overrideId, identifier } = override;
  return (
    <Fresh operation="ratelimit.getOverride" input={{ namespace, identifier }} onClose={onClose}>
      {(fresh) =>
        fresh.overrideId === overrideId ? (
          <OverrideDialog namespace={namespace} override={fresh} onClose={onClose} />
        ) : (
          <NoticeDialog title="Edit the override" onClose={onClose}>
            <p>This override has been deleted since the page was loaded.</p>
          </NoticeDialog>
        )
      }
    </Fresh>
  );
}

/**
 * The dialog that adds or edits an override. The identifier of an existing override cannot be edited: with another
 * identifier, it would be another override.
 */
export function OverrideDialog({ namespace, override, onClose }: Props) {
  const [identifier, setIdentifier] = useState(override?.identifier ?? "");
  const [draft, setDraft] = useState(() => draftOf(override && { ...override, name: "override" }));
  const set = useChange("ratelimit.setOverride", onClose);
  const save = () => {
    const [limit] = limitsOf([draft]);
    if (limit === undefined) return;
    set.mutate({ namespace, identifier, limit: limit.limit, duration: limit.duration });
  };
  return (
    <FormDialog
      title={override === undefined ? "Add an override" : "Edit the override"}
      onClose={onClose}
      submit="Save"
      busy={set.isPending}
      error={set.error}
      fields={["identifier", "limit", "duration"]}
      onSubmit={save}
    >
      {override === undefined ? (
        <TextField
          label="Identifier"
          value={identifier}
          onChange={setIdentifier}
          hint="Or a pattern, in which * stands for any text. If it already has an override, that is replaced."
          error={flawAt(set.error, "identifier")}
        />
      ) : (
        <p>
          For <code dir="auto">{identifier}</code>
        </p>
      )}
      <div className="fields">
        <WindowFields
          draft={draft}
          onChange={(change) => setDraft({ ...draft, ...change })}
          errorAt={(field) => flawAt(set.error, field)}
          label="Limit"
          hint="0 refuses every request"
        />
      </div>
    </FormDialog>
  );
}
