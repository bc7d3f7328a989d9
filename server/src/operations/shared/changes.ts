/** The names of the fields that an update sends, without `ref`, the field that says which record to update. */
export function changedFields(input: object, ref: string): string[] {
  return Object.keys(input).filter((name) => name !== ref);
}

export function idsOf(rows: readonly { id: string }[]): string[] {
  return rows.map((row) => row.id);
}

/** The ids to add and to remove so that `before` becomes `after`. */
export function idChange(before: readonly { id: string }[], after: readonly { id: string }[]) {
  const beforeIds = new Set(idsOf(before));
  const afterIds = new Set(idsOf(after));
  return {
    added: [...afterIds].filter((id) => !beforeIds.has(id)),
    removed: [...beforeIds].filter((id) => !afterIds.has(id)),
  };
}
