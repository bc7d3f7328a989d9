import { closeSync, existsSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { type ExportSource, exportDocument } from "../moving/exportDocument.ts";
import { flush, flushFolder } from "../storage/folder.ts";
import { CommandError } from "./commandError.ts";
import { parseOnlyFlags } from "./flags.ts";
import { progress } from "./progress.ts";

export type ExportFlags = {
  workspace: string | undefined;
  /** the path of the file to write, or `-` for the standard output */
  output: string;
  rootKeys: boolean;
  usage: boolean;
  audit: boolean;
};

/** Parses the flags. Errors: `UsageError` if they are wrong, `CommandError` if the output file exists. */
export function exportFlags(words: readonly string[]): ExportFlags {
  const { flags, set } = parseOnlyFlags(words, {
    values: ["workspace", "output"],
    switches: ["root-keys", "usage", "audit"],
  });
  const output = flags["output"] ?? "-";
  if (output !== "-" && existsSync(output))
    throw new CommandError(`${output} already exists. Choose another file.`);
  return {
    workspace: flags["workspace"],
    output,
    rootKeys: set.has("root-keys"),
    usage: set.has("usage"),
    audit: set.has("audit"),
  };
}

const chunkCharacters = 256 * 1024;

/** `latchkey export`: writes an export document. Returns how many records could not be exported. */
export async function writeExport(source: Omit<ExportSource, "warn">, output: string): Promise<number> {
  const shown = progress();
  let flawed = 0;
  const lines = exportDocument({
    ...source,
    warn(sentence) {
      flawed += 1;
      shown.tell(sentence);
    },
  });
  const sink = output === "-" ? standardOutput : fileSink(output);
  let chunk = "";
  let count = 0;
  try {
    for await (const line of lines) {
      chunk += `${line}\n`;
      count += 1;
      if (chunk.length < chunkCharacters) continue;
      await sink.write(chunk);
      chunk = "";
      shown.show(() => `${count.toLocaleString("en")} lines`);
    }
    await sink.write(chunk);
    sink.end();
  } catch (error) {
    sink.abandon();
    throw reasonOf(error, output);
  } finally {
    shown.end();
  }
  // the first and the last line of the document are not records
  shown.tell(`${(count - 2).toLocaleString("en")} records`);
  return flawed;
}

/** Where the document is written. */
type Sink = { write(text: string): Promise<void>; end(): void; abandon(): void };

const standardOutput: Sink = {
  write: (text) =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
    }),
  end: () => undefined,
  abandon: () => undefined,
};

/** Writes to a file with a temporary name. The file gets its own name when it is complete and on disk. */
function fileSink(path: string): Sink {
  const unfinished = `${path}.unfinished-${process.pid}`;
  const file = openSync(unfinished, "w", 0o600);
  return {
    async write(text) {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    },
    end() {
      closeSync(file);
      flush(unfinished);
      renameSync(unfinished, path);
      flushFolder(dirname(path));
    },
    abandon() {
      closeSync(file);
      rmSync(unfinished, { force: true });
    },
  };
}

function reasonOf(error: unknown, output: string): unknown {
  const { code } = error as { code?: string };
  if (code === "ENOSPC") return new CommandError(`The disk is full: ${output} was not written.`);
  if (code === "EPIPE")
    return new CommandError(
      "The program that receives the export has stopped reading, so the export is incomplete. Run it again, or write to a file.",
    );
  return error;
}
