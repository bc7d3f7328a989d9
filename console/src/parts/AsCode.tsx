import type { Input, OperationName } from "../data/api.ts";
import { Copy } from "./Copy.tsx";

type Props<N extends OperationName> = { operation: N; input: Input<N> };

/** Shows a call of the API as a curl command and as code that uses the SDK. */
export function AsCode<N extends OperationName>({ operation, input }: Props<N>) {
  const { curl, sdk } = snippets(operation, input);
  return (
    <details className="more">
      <summary>As curl or SDK</summary>
      <div className="stack">
        <Snippet text={curl} what="curl command" />
        <Snippet text={sdk} what="SDK call" />
      </div>
    </details>
  );
}

function Snippet({ text, what }: { text: string; what: string }) {
  return (
    <div className="row">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: with the focus, long lines can be scrolled from the keyboard */}
      <pre className="code" tabIndex={0}>
        {text}
      </pre>
      <Copy text={text} what={what} />
    </div>
  );
}

export function snippets<N extends OperationName>(
  operation: N,
  input: Input<N>,
): { curl: string; sdk: string } {
  const body = JSON.stringify(input);
  return {
    curl: `curl -s ${location.origin}/v2/${operation} \\
  -H "Authorization: Bearer $LATCHKEY_ROOT_KEY" \\
  -H "Content-Type: application/json" \\
  -d '${body.replaceAll("'", "'\\''")}'`,
    sdk: `await latchkey.${operation}(${JSON.stringify(input, null, 2)})`,
  };
}
