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
 * Reads a record again when a dialog opens, because another operator may have changed the record after the page was
 * loaded. A dialog that replaces a whole part of the record, such as all its rate limits, would otherwise undo that
 * change.
 */
export function Fresh<N extends OperationName>({ operation, input, onClose, children }: Props<N>) {
  const { data, error } = useQuery({
    queryKey: ["fresh", operation, input],
    gcTime: 0,
    staleTime: "static", // otherwise every save would read the record again
    queryFn: ({ signal }) => call(operation, input, { signal }),
  });
  if (data !== undefined) return children(data.data);
  return (
    <NoticeDialog title="Edit" onClose={onClose}>
      {error === null ? <Loading what="the stored values" /> : <Problem error={error} />}
    </NoticeDialog>
  );
}
