/** The item at this index of a list that should be long enough. Errors: throws if the list is shorter. */
export function itemAt<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`a list of ${items.length} has no item ${index}`);
  return item;
}
