import { useId } from "react";

type Shared = { label: string; hint?: string | undefined; error?: string | undefined };

/** Attributes that connect a control with its label, its hint and its error, for screen readers. */
type Parts = { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean };

/** A label, a control, and below it a hint or an error. */
function Field({
  label,
  hint,
  error,
  wide,
  children,
}: Shared & { wide?: boolean; children: (parts: Parts) => React.ReactNode }) {
  const id = useId();
  const described = [hint === undefined ? "" : `${id}-hint`, error === undefined ? "" : `${id}-error`];
  const parts: Parts = {
    id,
    "aria-describedby": described.join(" ").trim() || undefined,
    "aria-invalid": error !== undefined,
  };
  return (
    <div className={wide === true ? "field wide" : "field"}>
      <label htmlFor={id}>{label}</label>
      {children(parts)}
      {hint === undefined ? null : (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {error === undefined ? null : (
        <span className="error" id={`${id}-error`}>
          {error}
        </span>
      )}
    </div>
  );
}

type TextProps = Shared & {
  value: string;
  onChange(value: string): void;
  placeholder?: string;
  wide?: boolean;
  kind?: "text" | "search" | "password" | "number" | "datetime-local";
  autoComplete?: string;
};

export function TextField({
  value,
  onChange,
  placeholder,
  kind = "text",
  autoComplete = "off",
  ...field
}: TextProps) {
  return (
    <Field {...field}>
      {(parts) => (
        <input
          {...parts}
          className="input"
          type={kind === "number" ? "text" : kind}
          inputMode={kind === "number" ? "numeric" : undefined}
          dir={kind === "text" || kind === "search" ? "auto" : undefined}
          value={value}
          placeholder={placeholder}
          autoComplete={autoComplete}
          spellCheck={false}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

export function AreaField({
  value,
  onChange,
  ...field
}: Shared & { value: string; onChange(value: string): void }) {
  return (
    <Field {...field}>
      {(parts) => (
        <textarea
          {...parts}
          className="input"
          dir="auto"
          value={value}
          spellCheck={false}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

type SelectProps = Shared & {
  value: string;
  onChange(value: string): void;
  options: readonly (readonly [value: string, label: string])[];
};

/**
 * A field for choosing one of the options. A value that is not among them is added as an option. Otherwise the browser
 * would show the first option in its place.
 */
export function SelectField({ value, onChange, options, ...field }: SelectProps) {
  const isOption = value === "" || options.some(([one]) => one === value);
  const all = isOption ? options : [...options, [value, value] as const];
  return (
    <Field {...field}>
      {(parts) => (
        <select {...parts} className="input" value={value} onChange={(event) => onChange(event.target.value)}>
          {all.map(([one, label]) => (
            <option key={one} value={one}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

type CheckProps = { label: string; hint?: string; checked: boolean; onChange(checked: boolean): void };

export function CheckField({ label, hint, checked, onChange }: CheckProps) {
  return (
    <label className="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      <span>
        {label}
        {hint === undefined ? null : <span className="soft small"> {hint}</span>}
      </span>
    </label>
  );
}
