import type { Input, OperationName } from "../data/api.ts";
import { isSessionMissing } from "../data/errors.ts";
import { useChange } from "../data/queries.ts";
import { Button } from "./Button.tsx";
import { NoticeDialog } from "./Dialog.tsx";
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
        <NoticeDialog title="This did not work" onClose={reset}>
          <Problem error={error} />
        </NoticeDialog>
      )}
    </>
  );
}
