/** A command that is not an operation, as the help describes it. */
export type Command = {
  /** one word, or a group and a verb */
  name: string;
  /** the arguments, as the help shows them */
  usage: string;
  summary: string;
  details?: readonly string[];
  example?: string;
};

const workspace = "--workspace <id>  The workspace; required if there are several.";
const output =
  "--output <table | json>  How to print the list. Default: table on a terminal, else a line of JSON each.";
const since = "--since <ISO time>  Only what happened at this time or later.";

/** Every command except the operations. The help and the completion are built from this list. */
export const commands: readonly Command[] = [
  { name: "serve", usage: "", summary: "start the server" },
  { name: "config", usage: "", summary: "show the current settings, which are environment variables" },
  {
    name: "health",
    usage: "[live | ready]",
    summary: "check whether the server is running, or accepts requests",
    details: [
      "The server is LATCHKEY_URL or, if that is not set, the one on this machine with the same HOST and PORT.",
    ],
  },
  {
    name: "backup",
    usage: "<folder>",
    summary: "copy the SQLite files, also while the server is running",
    example: "/backups/2026-01-31",
  },
  {
    name: "restore",
    usage: "<file> [--check]",
    summary: "check a SQLite backup, and restore it if the database file is missing",
    details: ["--check  Says what is in the backup, and restores nothing."],
    example: "/backups/2026-01-31/latchkey.db",
  },
  {
    name: "export",
    usage: "[--output <file>] [--workspace <id>] [--usage] [--audit] [--root-keys]",
    summary: "write a document with all records of a workspace, also while the server is running",
    details: [
      "--output <file>  Default: the standard output.",
      workspace,
      "--usage  Adds the counts by day and when each key was last used.",
      "--audit  Adds the audit trail.",
      "--root-keys  Adds the hashes of the root keys.",
    ],
    example: "--output workspace.jsonl",
  },
  {
    name: "import",
    usage:
      "[<file> | -] [--dry-run] [--replace] [--workspace <id>] [--old-recovery-key <file> | --drop-sealed] [--root-keys] [--from <product>] [--api <id>] [--from-workspace <id>]",
    summary:
      "import a document of latchkey export, or keys of another product, also while the server is running",
    details: [
      "--dry-run  Says what would be created, changed and refused, and changes nothing.",
      "--replace  Overwrites existing records with those of the document. Default: existing records are kept.",
      "--workspace <id>  The workspace to import into. Default: that of the document, or the only one.",
      "--old-recovery-key <file>  A file with the recovery key that encrypted the document's recoverable keys.",
      "--drop-sealed  Imports recoverable keys as not recoverable.",
      "--root-keys  Imports root keys too.",
      "--from <product>  unkey-dump, better-auth, litellm or csv: the product whose database or file has the keys.",
      "--api <id>  With --from: the api that gets the keys. Default: a new api.",
      "--from-workspace <id>  The workspace of Unkey to import. Default: the only one with an api.",
    ],
    example: "workspace.jsonl --dry-run",
  },
  {
    name: "copy",
    usage:
      "--to <database> [--to-redis <url> | --without-counters] [--only-counters [--replace-counters]] | --resume-source",
    summary: "copy everything to an empty database, also from SQLite to PostgreSQL and back",
    details: [
      "--to <database>     The target, as in DATABASE_URL. The copy makes the source, DATABASE_URL, read-only.",
      "--to-redis <url>    The target's REDIS_URL. Counters of rate limits longer than a minute are copied to it.",
      "--without-counters  Copies no counters: every rate limit starts empty on the target.",
      "--only-counters     Copies the counters once more. Refused if the target has counted since the first copy.",
      "--replace-counters  With --only-counters: replaces the target's counters even if it has counted.",
      "--resume-source     Lets the source accept writes again.",
    ],
    example: "--to postgres://latchkey@db/latchkey --to-redis redis://redis:6379",
  },
  {
    name: "import unkey",
    usage:
      "--api <id,…> [--namespaces <name,…>] [--url <address>] [--root-key-file <file>] [--dry-run] [--replace] [--workspace <id>]",
    summary: "import a workspace through the API of Unkey; its keys wait for their hashes",
    details: [
      "--api <id,…>  Required. The apis whose keys are imported, separated by commas.",
      "--namespaces <name,…>  Rate limit namespaces whose overrides are imported.",
      "--url <address>  The server to import from. Default: UPSTREAM_VERIFY_URL.",
      "--root-key-file <file>  A file with a root key of that server. Default: UPSTREAM_VERIFY_ROOT_KEY or its file.",
      "--dry-run  Says what would be created, changed and refused, and changes nothing.",
      "--replace  Overwrites existing records with those of that server. Default: existing records are kept.",
      workspace,
    ],
    example: "--api api_1234abcd --url https://api.unkey.com --root-key-file unkey.key --dry-run",
  },
  {
    name: "import status",
    usage: "[--not-seen-days <n>] [--workspace <id>]",
    summary: "show how many imported keys have a hash, and where the upstream server decided differently",
    details: [
      "--not-seen-days <n>  Prints, as CSV, the imported keys that were not verified in the last n days.",
      workspace,
    ],
  },
  {
    name: "completion",
    usage: "bash | zsh | fish",
    summary: "print the completion script of a shell",
    details: [
      "bash: latchkey completion bash > ~/.local/share/bash-completion/completions/latchkey",
      'zsh:  latchkey completion zsh > "$HOME/.zsh/completions/_latchkey" (a folder in fpath)',
      "fish: latchkey completion fish > ~/.config/fish/completions/latchkey.fish",
    ],
  },
  { name: "workspace create", usage: "<name>", summary: "create a workspace", example: "staging" },
  {
    name: "workspace list",
    usage: "[--output <table | json>]",
    summary: "list the workspaces",
    details: [output],
  },
  { name: "workspace disable", usage: "<id>", summary: "refuse every root key of a workspace" },
  { name: "workspace enable", usage: "<id>", summary: "accept the root keys of a workspace again" },
  {
    name: "workspace set",
    usage: "--time-zone <name> [--workspace <id>]",
    summary: "set the time zone that new quotas get by default",
    details: ["--time-zone <name>  Required. An IANA name, such as Europe/Berlin.", workspace],
    example: "--time-zone Europe/Berlin",
  },
  {
    name: "keys why",
    usage: "<key | key id> [--<field> <value> …], or --request <request id>",
    summary: "tell why a key is valid or refused, and what would change that",
    details: [
      "The flags are the fields of keys explain. The command counts and spends nothing.",
      "--request <request id>  Decides again on a recorded request, with its key, permissions, costs and limits.",
    ],
    example: "key_0Ck3vDbnXhq2Tn6Yp1Zs4a --permissions documents.read",
  },
  {
    name: "root-key create",
    usage: "--permissions <a,b | *> [--name <name>] [--expires <time>] [--workspace <id>]",
    summary: "create a root key, and print its id and the key",
    details: [
      "--permissions <a,b | *>  Required. Permissions, separated by commas; '*' for all, except server.*.read_status.",
      "--name <name>  What the key is for.",
      "--expires <time>  When it expires: 90m, 12h or 30d from now, or an ISO time.",
      workspace,
    ],
    example: "--permissions 'api.*.verify_key' --name checkout --expires 30d",
  },
  {
    name: "root-key list",
    usage: "[--workspace <id>] [--output <table | json>]",
    summary: "list the root keys",
    details: [workspace, output],
  },
  { name: "root-key revoke", usage: "<id>", summary: "revoke a root key" },
  {
    name: "migration create",
    usage: "--algorithm <sha256 | prefixed-api-key> [--workspace <id>]",
    summary: "create a migration, for hashes of keys from another service",
    details: [
      "--algorithm <sha256 | prefixed-api-key>  Required. How the other service hashes keys.",
      workspace,
    ],
    example: "--algorithm sha256",
  },
  {
    name: "audit export",
    usage: "[--since <ISO time>] [--workspace <id>]",
    summary: "print the audit events, one line of JSON each",
    details: [since, workspace],
  },
  {
    name: "usage export",
    usage: "[--since <ISO time>]",
    summary: "print the verifications and decisions that are still stored, one line of JSON each",
    details: [since],
  },
];

/** Returns the flags that the details of a command describe. */
export function flagsOf({ details = [] }: Command): string[] {
  return details.flatMap((line) => /^--[a-z-]+/.exec(line) ?? []);
}
