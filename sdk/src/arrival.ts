/** A request, as the adapter of a framework (Express, Hono and so on) passes it to a guard. */
export type Arrival<Request> = {
  /** the framework's own request or context; options that are functions, such as `clientIp`, are called with it */
  request: Request;
  /** an object that is the same for all guards of one request; it is the key under which they remember verified keys */
  subject: object;
  /** reads a header by its name in lower case */
  header(name: string): unknown;
  /** the client's address, if the framework knows it */
  address?: (() => unknown) | undefined;
};
