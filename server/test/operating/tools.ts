import { dirname, join } from "node:path";
import { environmentOf } from "../compat/virtualEnvironment.ts";

const requirements = join(import.meta.dir, "requirements.txt");

/** Runs a tool of `requirements.txt`, in a virtual environment of its own, to its end. */
export async function tool(
  name: "hadolint" | "check-jsonschema",
  words: readonly string[],
): Promise<{ code: number; output: string }> {
  const python = await environmentOf("operating", requirements);
  const child = Bun.spawn([join(dirname(python), name), ...words], { stdout: "pipe", stderr: "pipe" });
  const [code, out, err] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, output: `${out}${err}` };
}
