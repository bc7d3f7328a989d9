import { AreaField } from "./fields.tsx";

type Props = {
  label: string;
  hint?: string;
  value: string;
  onChange(value: string): void;
  error?: string | undefined;
};

/** A text field for a list, with one item on each line. */
export function ListField(props: Props) {
  return <AreaField {...props} hint={props.hint ?? "One on each line"} />;
}

export function itemsIn(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
