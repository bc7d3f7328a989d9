import { chmodSync, cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, posix } from "node:path";

export type Instruction = { name: string; text: string };

/** An image that was built from a Dockerfile, and how it is run. */
export type Image = {
  /** the folder that represents `/` */
  root: string;
  workdir: string;
  environment: Record<string, string>;
  user: string;
  volumes: string[];
  healthcheck: string[];
  command: string[];
};

/** Returns the instructions of a Dockerfile, each as one line. */
export function instructionsOf(dockerfile: string): Instruction[] {
  const lines = dockerfile.replace(/^\s*#.*\n/gm, "").replace(/\\\n\s*/g, "");
  return [...lines.matchAll(/^([A-Z]+)\s+(.+)$/gm)].map(([, name = "", text = ""]) => ({ name, text }));
}

/**
 * Returns the paths of the files in `folder` that belong to the build context: those that .dockerignore does not
 * exclude.
 */
export function contextOf(folder: string, ignore: string): string[] {
  const rules = ignore
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ ignores: !line.startsWith("!"), pattern: patternOf(line.replace(/^!/, "")) }));
  return globSync("**/*", { cwd: folder, exclude: (name) => /(^|\/)(\.git|\.venvs)$/.test(name) })
    .concat(globSync(".*", { cwd: folder }))
    .filter((path) => rules.findLast(({ pattern }) => pattern.test(path))?.ignores !== true)
    .filter((path) => statSync(join(folder, path)).isFile());
}

/** Returns a pattern that matches the paths that `glob` names, and everything below them. */
function patternOf(glob: string): RegExp {
  const parts = glob.replace(/\/$/, "").split("/");
  const pattern = parts.map((part) =>
    part === "**" ? "(?:[^/]+/)*" : `${part.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}/`,
  );
  return new RegExp(`^${pattern.join("").replace(/\/$/, "")}(?:/|$)`);
}

/**
 * Runs the steps of a Dockerfile like a script: `COPY` copies, and `RUN` runs on this machine instead of in the base
 * image. Paths in the image become paths in a temporary folder; `inImage` lists the folders for which this is done.
 * Returns the result of the last stage. If a step fails, throws an error with the output of the step.
 */
export function runSteps(dockerfile: string, context: string): Image {
  const instructions = instructionsOf(dockerfile);
  const folders = instructions.filter(({ name }) => name === "WORKDIR" || name === "VOLUME");
  const inImage = [...folders.map(({ text }) => text), "/usr/local/bin"];
  const stages = new Map<string, Image>();
  let stage = newStage();
  for (const { name, text } of instructions) {
    if (name === "FROM") {
      stage = newStage();
      stages.set(/ AS (\S+)$/.exec(text)?.[1] ?? "", stage);
    } else take({ stage, stages, context, inImage }, name, text);
  }
  return stage;
}

type Build = { stage: Image; stages: Map<string, Image>; context: string; inImage: readonly string[] };

function newStage(): Image {
  const root = mkdtempSync(join(tmpdir(), "latchkey-image-"));
  chmodSync(root, 0o755);
  return { root, workdir: "/", environment: {}, user: "", volumes: [], healthcheck: [], command: [] };
}

const ignoredSteps = ["ARG", "LABEL", "EXPOSE", "STOPSIGNAL"];

function take(build: Build, name: string, text: string): void {
  const { stage } = build;
  const words = (form: string) => execForm(form).map((word) => rooted(build, word));
  const steps: Record<string, () => void> = {
    WORKDIR: () => {
      stage.workdir = posix.resolve(stage.workdir, text);
      mkdirSync(join(stage.root, stage.workdir), { recursive: true });
    },
    COPY: () => copy(build, text),
    RUN: () => runHere(build, text),
    USER: () => {
      stage.user = text;
    },
    VOLUME: () => void stage.volumes.push(text),
    ENV: () => {
      for (const [, key = "", value = ""] of text.matchAll(/(\w+)=(\S+)/g)) {
        stage.environment[key] = rooted(build, value);
      }
    },
    HEALTHCHECK: () => {
      stage.healthcheck = words(text.slice(text.indexOf(" CMD ") + " CMD ".length));
    },
    ENTRYPOINT: () => {
      stage.command = words(text);
    },
    CMD: () => void stage.command.push(...words(text)),
  };
  const step = steps[name];
  if (step === undefined && !ignoredSteps.includes(name)) throw new Error(`unsupported step ${name} ${text}`);
  step?.();
}

/** Returns the program and the arguments of a command, which a Dockerfile has as a JSON list or as text for a shell. */
function execForm(text: string): string[] {
  return text.startsWith("[") ? JSON.parse(text) : ["/bin/sh", "-c", text];
}

function rooted({ stage, inImage }: Build, text: string): string {
  return inImage.reduce(
    (all, folder) =>
      all.replaceAll(new RegExp(`(?<![\\w.])${folder}(?![\\w-])`, "g"), join(stage.root, folder)),
    text,
  );
}

function copy({ stage, stages, context }: Build, text: string): void {
  const words = text.split(/\s+/).filter((word) => !word.startsWith("--"));
  const sources = words.slice(0, -1);
  const target = words.at(-1) ?? "";
  const from = /--from=(\S+)/.exec(text)?.[1];
  const source = from === undefined ? context : (stages.get(from)?.root ?? "");
  const to = join(stage.root, posix.resolve(stage.workdir, target));
  for (const one of sources) {
    const path = join(source, one);
    const isFolder = statSync(path).isDirectory();
    const into = !isFolder && (target.endsWith("/") || sources.length > 1 || target === ".");
    cpSync(path, into ? join(to, basename(one)) : to, { recursive: true });
  }
}

function runHere(build: Build, text: string): void {
  const { root, workdir, environment } = build.stage;
  const { exitCode, stderr } = Bun.spawnSync(["/bin/sh", "-ec", rooted(build, text)], {
    cwd: join(root, workdir),
    env: { ...process.env, ...environment, npm_config_prefer_offline: "true" },
  });
  if (exitCode !== 0) throw new Error(`RUN ${text} ended with ${exitCode}: ${stderr.toString()}`);
}

export const readText = (path: string) => readFileSync(path, "utf8");
