import { kindOf, outcomes, periodMs, subjectKinds } from "../domain/usage.ts";
import { type CountedEvent, ownCopy } from "./lines.ts";
import { type TagBudget, tagBudget } from "./tagBudget.ts";

/**
 * The count of a subject's events in one minute with one outcome and one tag. If `tag` is undefined, the cell counts
 * all events with that outcome, whether they have tags or not. `minute` is in minutes since 1970, `outcome` an index of
 * `outcomes`.
 */
export type Cell = {
  minute: number;
  outcome: number;
  tag: string | undefined;
  count: number;
  credits: number;
};

/** A subject for which events are counted: a workspace, an api, a namespace, an identity or a key. */
export type Subject = {
  workspaceId: string;
  kind: number;
  name: string;
  /** the number under which the database stores its name; 0 if the number was not looked up yet */
  no: number;
  /** the last day on which the database marked this subject as used, in days since 1970 */
  day: number;
  cells: Cell[];
  tagged: Map<string, Cell> | undefined;
  /** when it was last used; 0 if only settlements of holds were counted, because a settlement is not a use */
  lastMs: number;
  /** for a key: the identity and the api of its last event, which are probably those of its next event too */
  identity: Subject | undefined;
  api: Subject | undefined;
};

type Workspace = { own: Subject; subjects: Map<string, Subject>; tags: TagBudget };

const outcomeNumbers = new Map<string, number>(outcomes.map((name, index) => [name, index]));

/**
 * The maximum number of cells that wait to be stored. When it is reached, events that need a new cell are not counted.
 */
const maxCells = 300_000;
/** If there are more subjects than this, all are forgotten once no subject has counts. */
const maxSubjects = 250_000;

/**
 * `dirty` lists the subjects that have counts. `cells` and `subjects` are the numbers of cells and subjects in memory.
 */
type State = {
  workspaces: Map<string, Workspace>;
  dirty: Subject[];
  cells: number;
  subjects: number;
  dropped: number;
};

/** Counts events by subject and minute until the caller takes the counts with `take`. */
export function tally() {
  const state: State = { workspaces: new Map(), dirty: [], cells: 0, subjects: 0, dropped: 0 };
  return {
    add(event: CountedEvent): void {
      const workspace = workspaceOf(state, event.workspaceId);
      const addition = additionOf(event, workspace.tags);
      countFor(state, workspace.own, addition);
      // The caller was told that the key does not exist, so only the workspace counts the event.
      if (event.outcome === "NOT_FOUND") return;
      const { keyId, identityId, apiId, namespaceId } = event;
      const key = subjectOf(state, workspace, "key", keyId, undefined);
      const identity = subjectOf(state, workspace, "identity", identityId, key?.identity);
      const api = subjectOf(state, workspace, "api", apiId, key?.api);
      if (key !== undefined) {
        key.identity = identity;
        key.api = api;
        countFor(state, key, addition);
      }
      if (identity !== undefined) countFor(state, identity, addition);
      if (api !== undefined) countFor(state, api, addition);
      const namespace = subjectOf(state, workspace, "namespace", namespaceId, undefined);
      if (namespace !== undefined) countFor(state, namespace, addition);
    },
    /** the number of cells that wait to be stored */
    size: () => state.cells,
    dropped: () => state.dropped,
    /** Returns the subjects that have counts. */
    waiting: (): readonly Subject[] => state.dirty,
    forgetNumbers(): void {
      for (const { own, subjects } of state.workspaces.values()) {
        own.no = 0;
        for (const subject of subjects.values()) subject.no = 0;
      }
    },
    /**
     * Returns the wanted subjects among those that have counts. The caller must take the counts of each returned
     * subject with `takeCells` before the next `add`.
     */
    take(isWanted: (subject: Subject) => boolean): Subject[] {
      const [taken, left]: [Subject[], Subject[]] = [[], []];
      for (const subject of state.dirty) (isWanted(subject) ? taken : left).push(subject);
      state.dirty = left;
      state.cells -= taken.reduce((sum, subject) => sum + cellsOf(subject).length, 0);
      if (state.subjects > maxSubjects && left.length === 0) {
        state.workspaces = new Map();
        state.subjects = 0;
      }
      return taken;
    },
  };
}

function newSubject(state: State, workspaceId: string, kind: number, name: string): Subject {
  state.subjects += 1;
  return {
    workspaceId,
    kind,
    name,
    no: 0,
    day: 0,
    cells: [],
    tagged: undefined,
    lastMs: 0,
    identity: undefined,
    api: undefined,
  };
}

function workspaceOf(state: State, id: string): Workspace {
  let found = state.workspaces.get(id);
  if (found === undefined) {
    const name = ownCopy(id);
    const own = newSubject(state, name, subjectKinds.workspace, name);
    found = { own, subjects: new Map(), tags: tagBudget() };
    state.workspaces.set(name, found);
  }
  return found;
}

/**
 * Finds the subject with this id, and creates it if it is missing. `likely` is a guess that is tried first, because
 * comparing its name takes less time than looking up the id.
 */
function subjectOf(
  state: State,
  workspace: Workspace,
  kind: "key" | "identity" | "api" | "namespace",
  id: string | undefined,
  likely: Subject | undefined,
): Subject | undefined {
  if (id === undefined) return undefined;
  if (likely?.name === id) return likely;
  let found = workspace.subjects.get(id);
  if (found === undefined) {
    found = newSubject(state, workspace.own.name, subjectKinds[kind], ownCopy(id));
    workspace.subjects.set(found.name, found);
  }
  return found;
}

/** What an event adds to the counts of each of its subjects. */
type Addition = {
  atMs: number;
  minute: number;
  outcome: number;
  tags: readonly string[];
  /** 1, or 0 for the settlement of a hold, because the verification was counted when it reserved the credits */
  count: number;
  credits: number;
};

function additionOf(event: CountedEvent, budget: TagBudget): Addition {
  const { atMs, outcome, credits, tags, keyId = "" } = event;
  return {
    atMs,
    minute: Math.floor(atMs / periodMs.minute),
    outcome: outcomeNumbers.get(outcome) ?? -1,
    tags: tags.length === 0 ? tags : budget.bounded(keyId, atMs, tags),
    count: kindOf(event) === "settlement" ? 0 : 1,
    credits,
  };
}

function countFor(state: State, subject: Subject, addition: Addition): void {
  const { atMs, minute, outcome, tags, count } = addition;
  add(plainCell(state, subject, minute, outcome), addition);
  for (const tag of tags) add(taggedCell(state, subject, minute, outcome, tag), addition);
  if (count === 0) return; // a settlement is not a use of the key
  // If the event is more than a day before the last use, the clock was wrong at the last use, and has been corrected.
  if (atMs > subject.lastMs || atMs < subject.lastMs - periodMs.day) subject.lastMs = atMs;
}

/** Registers a new cell. Returns `undefined` if there are too many cells; the caller must then not count the event. */
function register(state: State, subject: Subject, cell: Cell): Cell | undefined {
  if (state.cells >= maxCells) {
    state.dropped += 1;
    return undefined;
  }
  state.cells += 1;
  if (subject.cells.length === 0 && subject.tagged === undefined) state.dirty.push(subject);
  return cell;
}

function plainCell(state: State, subject: Subject, minute: number, outcome: number): Cell | undefined {
  for (const cell of subject.cells) if (cell.minute === minute && cell.outcome === outcome) return cell;
  const cell = register(state, subject, { minute, outcome, tag: undefined, count: 0, credits: 0 });
  if (cell !== undefined) subject.cells.push(cell);
  return cell;
}

function taggedCell(
  state: State,
  subject: Subject,
  minute: number,
  outcome: number,
  tag: string,
): Cell | undefined {
  const name = `${minute}/${outcome}/${tag}`;
  const found = subject.tagged?.get(name);
  if (found !== undefined) return found;
  const cell = register(state, subject, { minute, outcome, tag, count: 0, credits: 0 });
  if (cell === undefined) return undefined;
  subject.tagged ??= new Map();
  subject.tagged.set(name, cell);
  return cell;
}

export function cellsOf({ cells, tagged }: Subject): readonly Cell[] {
  return tagged === undefined ? cells : [...cells, ...tagged.values()];
}

/** Returns the subject's counts, and resets them to zero. */
export function takeCells(subject: Subject): readonly Cell[] {
  const taken = cellsOf(subject);
  subject.cells = [];
  subject.tagged = undefined;
  return taken;
}

function add(cell: Cell | undefined, { count, credits }: Addition): void {
  if (cell === undefined) return;
  cell.count += count;
  cell.credits += credits;
}
