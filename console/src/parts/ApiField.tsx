import type { useChoices } from "../data/queries.ts";
import { SelectField, TextField } from "./fields.tsx";
import { Problem } from "./Problem.tsx";

type Props = {
  apis: ReturnType<typeof useChoices<"apis.listApis">>;
  value: string;
  onChange(apiId: string): void;
  error: string | undefined;
};

/** A field for choosing an api. If the apis cannot be listed, the user types an id. */
export function ApiField({ apis: { data, error: unread }, ...field }: Props) {
  if (data !== undefined || unread === null) {
    return (
      <SelectField label="API" {...field} options={(data ?? []).map(({ id, name }) => [id, name] as const)} />
    );
  }
  return (
    <>
      <TextField label="API id" {...field} />
      <Problem error={unread} />
    </>
  );
}
