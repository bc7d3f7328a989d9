import { useState } from "react";
import type { Input, OperationName } from "../data/api.ts";
import { useChange } from "../data/queries.ts";
import { FormDialog } from "./Dialog.tsx";
import { TextField } from "./fields.tsx";

type Question = {
  title: string;
  onClose(): void;
  /** what will happen */
  children: React.ReactNode;
  submit: string;
  /** the name that the user must type to confirm; undefined: the user need not type anything */
  name?: string | undefined;
};

type CallProps<N extends OperationName> = Question & {
  operation: N;
  input: Input<N>;
  /** Called after the change. Default: `onClose`. */
  onDone?(): void;
};

/** Asks the user to confirm a change that can do harm, and then calls the operation. */
export function ConfirmDialog<N extends OperationName>(props: CallProps<N>) {
  const { operation, input, onDone, ...question } = props;
  const change = useChange(operation, onDone ?? question.onClose);
  return (
    <Confirmation
      {...question}
      busy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate(input)}
    />
  );
}

type Props = Question & { busy: boolean; error: unknown; onConfirm(): void };

/** Like `ConfirmDialog`, for a change that takes more than a single call. */
export function Confirmation({ name, onConfirm, children, ...dialog }: Props) {
  const [typed, setTyped] = useState("");
  const [missed, setMissed] = useState(false);
  return (
    <FormDialog
      {...dialog}
      danger
      onSubmit={() => {
        const isRight = name === undefined || (typed !== "" && typed.trim() === name.trim());
        setMissed(!isRight);
        if (isRight) onConfirm();
      }}
    >
      <div className="stack">{children}</div>
      {name === undefined ? null : (
        <TextField
          label={`Type ${name} to confirm`}
          value={typed}
          onChange={setTyped}
          error={missed ? `This is not the name. Type ${name}.` : undefined}
        />
      )}
    </FormDialog>
  );
}
