/** A request, as an adapter shows it to its guards. */
export type Arrival<Request> = {
  /** what the functions among the options take */
  request: Request;
  /** an object that all guards of the request share */
  subject: object;
  /** reads a header by its name in lower case */
  header(name: string): unknown;
  /** the client's address, if the framework knows it */
  address?: (() => unknown) | undefined;
};
