import { dirname, join } from "node:path";
import { environmentOf } from "../compat/virtualEnvironment.ts";

const requirements = join(import.meta.dir, "requirements.txt");

/** By the interpreter's path: a module, since programs of Python name the folder in which they were installed first. */
const commands = {
  hadolint: (python: string) => [join(dirname(python), "hadolint")],
  "check-jsonschema": (python: string) => [python, "-m", "check_jsonschema"],
};

/** Runs a tool of `requirements.txt`, in a virtual environment of its own, to its end. */
export async function tool(
  name: keyof typeof commands,
  words: readonly string[],
): Promise<{ code: number; output: string }> {
  const python = await environmentOf("operating", requirements);
  const child = Bun.spawn([...commands[name](python), ...words], { stdout: "pipe", stderr: "pipe" });
  const [code, out, err] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, output: `${out}${err}` };
}
