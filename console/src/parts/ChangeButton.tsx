import type { Input, OperationName } from "../data/api.ts";
import { isSessionMissing } from "../data/errors.ts";
import { useChange } from "../data/queries.ts";
import { Button } from "./Button.tsx";
import { Dialog } from "./Dialog.tsx";
import { Problem } from "./Problem.tsx";

type Props<N extends OperationName> = {
  operation: N;
  input: Input<N>;
  needs: string;
  small?: boolean;
  children: React.ReactNode;
};

/** A button that changes something at once. If the call fails, a dialog says why. */
export function ChangeButton<N extends OperationName>({ operation, input, ...button }: Props<N>) {
  const { mutate, isPending, error, reset } = useChange(operation);
  return (
    <>
      <Button {...button} busy={isPending} onClick={() => mutate(input)} />
      {error === null || isSessionMissing(error) ? null : (
        <Dialog title="This did not work" onClose={reset}>
          <Problem error={error} />
          <div className="form-end">
            <Button onClick={reset}>Close</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
