/** Returns the path of the page that shows the record with this id, or `undefined` if no page does. */
export function pathOfId(prefix: string, id: string) {
  switch (prefix) {
    case "key":
      return { to: "/keys/$keyId", params: { keyId: id } } as const;
    case "id":
      return { to: "/identities/$identity", params: { identity: id } } as const;
    case "api":
      return { to: "/keys", search: { apiId: id } } as const;
    case "req":
      return { to: "/live", search: { requestId: id } } as const;
    case "root":
      return { to: "/audit", search: { actorId: id } } as const;
    default:
      return { to: "/audit", search: { targetId: id } } as const;
  }
}
