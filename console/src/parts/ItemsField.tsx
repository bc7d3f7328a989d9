type Props<T> = {
  items: readonly T[];
  onChange(items: T[]): void;
  /** what an item is called, such as `limit` */
  what: string;
  newItem(): T;
  fields(item: T, index: number, change: (change: Partial<T>) => void): React.ReactNode;
};

/** A list of items with several fields each, and a button that adds an item. React identifies an item by its `id`. */
export function ItemsField<T extends { id: number }>({ items, onChange, what, newItem, fields }: Props<T>) {
  const set = (id: number, change: Partial<T>) =>
    onChange(items.map((one) => (one.id === id ? { ...one, ...change } : one)));
  return (
    <div className="stack">
      {items.map((item, index) => (
        <fieldset key={item.id} className="card">
          <legend className="visually-hidden">
            {what} {index + 1}
          </legend>
          {fields(item, index, (change) => set(item.id, change))}
          <div className="row">
            <button
              type="button"
              className="button small"
              onClick={() => onChange(items.filter(({ id }) => id !== item.id))}
            >
              Remove this {what}
            </button>
          </div>
        </fieldset>
      ))}
      <div className="row">
        <button type="button" className="button small" onClick={() => onChange([...items, newItem()])}>
          Add a {what}
        </button>
      </div>
    </div>
  );
}
