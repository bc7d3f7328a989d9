// Calls the handler with an event like those of API Gateway. The first argument is the API key; omit it to send none.
import { handler } from "./handler.js";

const key = process.argv[2];
const event = {
  version: "2.0",
  routeKey: "GET /documents",
  rawPath: "/documents",
  rawQueryString: "",
  headers: { accept: "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
  requestContext: {
    http: { method: "GET", path: "/documents", protocol: "HTTP/1.1", sourceIp: "192.0.2.1" },
  },
  isBase64Encoded: false,
};
const { statusCode, body } = await handler(event, undefined);
console.log(body, statusCode);
