/** A span that the collector has received. Its attributes are plain values, without OTLP's names of their types. */
export type Sent = {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  /** 2: server, 3: client */
  kind: number;
  attributes: Record<string, string | number | boolean>;
  /** 2: error */
  status: number;
  resource: Record<string, string | number | boolean>;
};

/** An OpenTelemetry collector. It accepts OTLP over HTTP, as JSON and as protobuf. */
export type Collector = {
  /** the value for the setting OTEL_EXPORTER_OTLP_ENDPOINT */
  url: string;
  spans(): Sent[];
  /** Returns all bytes that were received, in bodies and headers. */
  bytes(): Buffer;
  paths: string[];
  headers: Headers[];
  stop(): Promise<void>;
};

/** Starts a collector. `respond` is called for each request when its body has been read. */
export function startCollector(
  respond: () => Response | Promise<Response> = () => new Response(),
): Collector {
  const spans: Sent[] = [];
  const received: Buffer[] = [];
  const paths: string[] = [];
  const headers: Headers[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const body = Buffer.from(await request.arrayBuffer());
      received.push(body, Buffer.from(JSON.stringify([...request.headers])));
      paths.push(new URL(request.url).pathname);
      headers.push(request.headers);
      const isJson = request.headers.get("content-type") === "application/json";
      spans.push(...(isJson ? fromJson(body) : fromProtobuf(body)));
      return respond();
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    spans: () => spans,
    bytes: () => Buffer.concat(received),
    paths,
    headers,
    stop: () => server.stop(true),
  };
}

type JsonValue = { stringValue?: string; intValue?: number | string; boolValue?: boolean };
type JsonAttributes = { key: string; value: JsonValue }[];
type JsonSpan = {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  kind: number;
  attributes: JsonAttributes;
  status?: { code?: number };
};

function fromJson(body: Buffer): Sent[] {
  const { resourceSpans } = JSON.parse(body.toString()) as {
    resourceSpans: { resource: { attributes: JsonAttributes }; scopeSpans: { spans: JsonSpan[] }[] }[];
  };
  const plain = (attributes: JsonAttributes) =>
    Object.fromEntries(
      attributes.map(({ key, value }) => [
        key,
        value.stringValue ?? value.boolValue ?? Number(value.intValue),
      ]),
    );
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        name: span.name,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId,
        kind: span.kind,
        attributes: plain(span.attributes),
        status: span.status?.code ?? 0,
        resource: plain(resource.attributes),
      })),
    ),
  );
}

/** Reads fields by their numbers in OpenTelemetry's `trace.proto`. */
function fromProtobuf(body: Buffer): Sent[] {
  return messages(body, 1).flatMap((resourceSpans) => {
    const resource = messages(resourceSpans, 1).map((one) => attributesOf(one, 1))[0] ?? {};
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => ({
        name: text(span, 5),
        traceId: messages(span, 1)[0]?.toString("hex") ?? "",
        spanId: messages(span, 2)[0]?.toString("hex") ?? "",
        parentSpanId: messages(span, 4)[0]?.toString("hex"),
        kind: number(span, 6),
        attributes: attributesOf(span, 9),
        status: messages(span, 15).map((status) => number(status, 3))[0] ?? 0,
        resource,
      })),
    );
  });
}

function attributesOf(bytes: Buffer, field: number): Sent["attributes"] {
  return Object.fromEntries(
    messages(bytes, field).map((pair) => {
      const value = messages(pair, 2)[0] ?? Buffer.alloc(0);
      return [text(pair, 1), messages(value, 1)[0]?.toString() ?? number(value, 3)];
    }),
  );
}

const messages = (bytes: Buffer, field: number) =>
  fieldsOf(bytes).flatMap(([at, value]) => (at === field && typeof value !== "number" ? [value] : []));
const text = (bytes: Buffer, field: number) => messages(bytes, field)[0]?.toString() ?? "";
const number = (bytes: Buffer, field: number) =>
  Number(fieldsOf(bytes).find(([at]) => at === field)?.[1] ?? 0);

/** Returns the fields of a protobuf message: values with a length, and varints. Numbers of fixed length are skipped. */
function fieldsOf(bytes: Buffer): [field: number, value: number | Buffer][] {
  const fields: [number, number | Buffer][] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === 1 || kind === 5) at += kind === 1 ? 8 : 4;
    else if (kind === 0) fields.push([tag >> 3, varint()]);
    else {
      const length = varint();
      fields.push([tag >> 3, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return fields;
}
