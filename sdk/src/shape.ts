/** What a value must be: of a JSON type, by its name; an object with at least these members; or an array of a shape. */
export type Shape = string | readonly [Shape] | { readonly [member: string]: Shape };

/**
 * What the client knows about an operation. Its marks: `w` means that it writes, so an Idempotency-Key is sent; `c`
 * that it counts or spends, so a retry may count or spend twice; `p` that it returns a page. `data` is the shape of the
 * response's `data`.
 */
export type Row = readonly [marks: string, data?: Shape];

/** Whether the value has the shape. Members that the shape does not name are ignored. */
export function fits(value: unknown, shape: Shape): boolean {
  if (typeof shape === "string") return jsonType(value) === shape;
  if (isList(shape)) return Array.isArray(value) && value.every((one) => fits(one, shape[0]));
  return (
    jsonType(value) === "object" &&
    Object.entries(shape).every(([name, inner]) => fits((value as Record<string, unknown>)[name], inner))
  );
}

function isList(shape: Exclude<Shape, string>): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
