/** A request, as the adapter of a framework (Express, Hono and so on) passes it to a guard. */
export type Arrival<Request> = {
  /** the framework's own request or context: the argument of options that are functions, such as `clientIp` */
  request: Request;
  /** an object that all guards of one request share, by which they find the keys that earlier guards have verified */
  subject: object;
  /** reads a header by its name in lower case */
  header(name: string): unknown;
  /** the client's address, if the framework knows it */
  address?: (() => unknown) | undefined;
};
