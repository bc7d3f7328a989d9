import { dirname, join } from "node:path";
import { environmentOf } from "../compat/virtualEnvironment.ts";

const requirements = join(import.meta.dir, "requirements.txt");

/**
 * The command of each tool, made from the path of its virtual environment's Python. check-jsonschema runs as a Python
 * module: its script contains the path at which it was installed, so the script fails after the folder was moved.
 */
const commands = {
  hadolint: (python: string) => [join(dirname(python), "hadolint")],
  "check-jsonschema": (python: string) => [python, "-m", "check_jsonschema"],
};

/** Runs a tool from `requirements.txt` in its virtual environment, and waits for it. */
export async function tool(
  name: keyof typeof commands,
  words: readonly string[],
): Promise<{ code: number; output: string }> {
  const python = await environmentOf("operating", requirements);
  const child = Bun.spawn([...commands[name](python), ...words], { stdout: "pipe", stderr: "pipe" });
  const [code, out, err] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, output: `${out}${err}` };
}
