import { useQuery } from "@tanstack/react-query";
import { call, type Data, type Input, type OperationName } from "../data/api.ts";
import { NoticeDialog } from "./Dialog.tsx";
import { Loading } from "./Page.tsx";
import { Problem } from "./Problem.tsx";

type Props<N extends OperationName> = {
  operation: N;
  input: Input<N>;
  onClose(): void;
  /** the dialog that edits what was read */
  children(data: Data<N>): React.ReactNode;
};

/**
 * Reads a record again when a dialog opens. With what the page has loaded earlier, a dialog that replaces a whole part
 * of the record, such as all its rate limits, would undo what another operator has changed since.
 */
export function Fresh<N extends OperationName>({ operation, input, onClose, children }: Props<N>) {
  const { data, error } = useQuery({
    queryKey: ["fresh", operation, input],
    gcTime: 0,
    staleTime: "static", // or every save would read it again
    queryFn: ({ signal }) => call(operation, input, { signal }),
  });
  if (data !== undefined) return children(data.data);
  return (
    <NoticeDialog title="Edit" onClose={onClose}>
      {error === null ? <Loading what="what is stored" /> : <Problem error={error} />}
    </NoticeDialog>
  );
}
