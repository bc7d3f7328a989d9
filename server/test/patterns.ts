/** Finds the regular expressions in source code, and generates the texts for which each may take longest. */

/** An element of a pattern, such as a character class. A group has `branches`. */
type Node = { source: string; branches?: Node[][]; isEmpty: boolean; times: number };

const literal =
  /(?<=[(,=:[!&|?{};\s])\/(?![*/])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/[\\\n])+)\/([dgimsuvy]*)(?=[.,;)\]\s])/g;

/**
 * Returns every regular expression literal in the source. The result may also contain text that only looks like a
 * regular expression.
 */
export function patternsIn(source: string): RegExp[] {
  const code = source.replace(/^\s*(?:\/\/|\/?\*).*$/gm, "");
  return [...code.matchAll(literal)].flatMap(([, body = "", flags = ""]) => {
    try {
      return [new RegExp(body, flags)];
    } catch {
      return []; // not a regular expression, but a path in a string
    }
  });
}

/**
 * Generates texts of `length` characters. Each has a beginning that leads to an element of the pattern, a repeated
 * middle, and an end that does not match.
 */
export function* worstTexts(pattern: RegExp, length: number): Generator<string> {
  const branches = parse(pattern.source);
  const nodes = flatten(branches);
  const sampleOf = (node: Node) => sample(node, pattern.flags);
  const kinds = characters(nodes, pattern);
  const ends = ["", ...kinds, ...kinds.map((one) => `${one}\u0000`)];
  const repeated = new Set([...kinds, ...nodes.filter((node) => node.branches !== undefined).map(sampleOf)]);
  for (const start of new Set(starts(branches, "", sampleOf))) {
    for (const one of repeated) {
      if (one === "") continue;
      const middle = one.repeat(Math.ceil(length / one.length)).slice(start.length, length - 2);
      for (const end of ends) yield start + middle + end;
    }
  }
}

function parse(source: string): Node[][] {
  let at = 0;
  const take = (form: RegExp): string | undefined => {
    const sticky = new RegExp(form.source, "y");
    sticky.lastIndex = at;
    const [taken] = sticky.exec(source) ?? [];
    at += taken?.length ?? 0;
    return taken;
  };
  function branchesOf(): Node[][] {
    const branches: Node[][] = [[]];
    while (at < source.length && source[at] !== ")") {
      if (take(/\|/) !== undefined) branches.push([]);
      else branches.at(-1)?.push(node());
    }
    return branches;
  }
  function node(): Node {
    const from = at;
    const opened = take(/\((?:\?(?:[:=!]|<[=!]|<\w+>))?/);
    const branches = opened === undefined ? undefined : branchesOf();
    if (branches === undefined)
      take(/\\[pP]\{[^}]*\}|\\u\{\w+\}|\\u\w{4}|\\x\w\w|\\.|\[(?:\\.|[^\]\\])*\]|[\s\S]/);
    else take(/\)/);
    const core = source.slice(from, at);
    const isEmpty = /^(?:[$^]|\\[bB1-9]|\(\?<?[=!])/.test(core);
    const least = Number(/^\{(\d+)/.exec(take(/(?:[*+?]|\{\d+(?:,\d*)?\})\??/) ?? "")?.[1] ?? 1);
    return { source: core, isEmpty, times: Math.max(1, least), ...(branches && { branches }) };
  }
  return branchesOf();
}

function flatten(branches: readonly Node[][]): Node[] {
  return branches.flat().flatMap((node) => [node, ...flatten(node.branches ?? [])]);
}

const alphabet = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).concat(
  "\u00e9",
  "\ud83d",
);

function matches(node: Node, flags: string, text: string): boolean {
  return new RegExp(`^(?:${node.source})$`, flags.replace(/[gy]/g, "")).test(text);
}

/** Returns one character for each set of elements of the pattern that a character can match, the empty set included. */
function characters(nodes: readonly Node[], { flags }: RegExp): string[] {
  const single = nodes.filter((node) => node.branches === undefined && !node.isEmpty);
  const kinds = new Map(
    alphabet.map((one) => [single.map((node) => Number(matches(node, flags, one))).join(), one]),
  );
  return [...kinds.values()];
}

/** Returns a short text that this element by itself matches. */
function sample(node: Node, flags: string): string {
  if (node.isEmpty) return "";
  const one =
    node.branches === undefined
      ? alphabet.findLast((text) => matches(node, flags, text))
      : node.branches[0]?.map((inner) => sample(inner, flags)).join("");
  return (one ?? "").repeat(node.times);
}

/** Generates beginnings of texts that lead to each element of the pattern, and to its end. */
function* starts(
  branches: readonly Node[][],
  before: string,
  sampleOf: (node: Node) => string,
): Generator<string> {
  for (const branch of branches) {
    let text = before;
    for (const node of branch) {
      yield text;
      if (node.branches !== undefined) yield* starts(node.branches, text, sampleOf);
      text += sampleOf(node);
    }
    yield text;
  }
}
