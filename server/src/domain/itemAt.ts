/** The item at this index, for lists that are known to be long enough. Errors: throws if there is no such item. */
export function itemAt<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`a list of ${items.length} has no item ${index}`);
  return item;
}
