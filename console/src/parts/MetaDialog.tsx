import { useState } from "react";
import { flawAt } from "../data/errors.ts";
import { FormDialog } from "./Dialog.tsx";
import { JsonField } from "./JsonField.tsx";
import { readObject } from "./jsonText.ts";

type Props = {
  meta: object | undefined;
  onClose(): void;
  busy: boolean;
  error: unknown;
  onSave(meta: Record<string, unknown>): void;
};

export function MetaDialog({ meta, onSave, error, ...dialog }: Props) {
  const [text, setText] = useState(() => JSON.stringify(meta ?? {}, null, 2));
  return (
    <FormDialog
      {...dialog}
      title="Edit meta"
      wide
      submit="Save"
      error={error}
      fields={["meta"]}
      onSubmit={() => {
        const read = readObject(text);
        if ("value" in read) onSave(read.value);
      }}
    >
      <JsonField
        label="Meta"
        value={text}
        onChange={setText}
        hint="A JSON object. It replaces the stored one. Empty: no meta."
        error={flawAt(error, "meta")}
      />
    </FormDialog>
  );
}
