/** What a value must have to count as a response: a JSON type, members of an object, or an array of these. */
export type Shape = string | readonly [Shape] | { readonly [member: string]: Shape };

/** `w`: writes, with an Idempotency-Key; `c`: counts, so that a retry may count twice; `p`: returns a page. */
export type Row = readonly [marks: string, data?: Shape];

/** Whether the value has the shape. Members that the shape does not name may be anything. */
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
