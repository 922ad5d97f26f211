/**
 * The coordinator's part in a join of sums: it matches two lists that it cannot read, adds up words that it cannot read, and
 * leaves out groups below the holder's minimum. What comes goes to disk piece by piece and is matched in a worker; its folder
 * goes with the match, or as the node starts.
 */
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, mkdir, open as openFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { readJoinCommitted, readJoinEnded, readJoinOpened } from "../../chaincode/rules/keys.ts";
import { PsiError } from "../../crypto/psi/errors.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import type { JoinMatched } from "../../ledger/audit/join-statements.ts";
import type { Context } from "../computations/context.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { runFolder } from "./live-run.ts";
import { broughtSize, MOST_COLUMNS, MOST_MATCHED } from "./match-bytes.ts";
import { runMatch } from "./match-task.ts";
import { type MatchPart, PIECE_BYTES } from "./messages.ts";

/** Matches that have not come to their end. */
const MOST_OPEN = 4;
/** Of one asker, so that nobody alone keeps the others out. */
const MOST_OF_ONE = 3;
/** With those whose groups wait for their asker, at most some megabytes each. */
const MOST_KEPT = 16;
/** One side may have a million items to mask while the other one has brought its part. */
const KEPT_MS = 1_800_000;
/** For an asker that did not hear the answer. */
const TOLD_MS = 600_000;

type SideName = "asker" | "holder";
interface Side {
  readonly part: MatchPart;
  readonly path: string;
  readonly file: FileHandle;
  readonly size: number;
  readonly digest: Hash;
  /** Bytes that have come. */
  filled: number;
  /** The last piece, which may come again. */
  last?: Uint8Array;
}
interface Match {
  readonly asker: string;
  readonly holder: string;
  readonly sizes: { readonly asker: number; readonly holder: number };
  readonly folder: string;
  readonly sides: Map<SideName, Side>;
  timer: NodeJS.Timeout;
  readonly ending: AbortController;
  work?: Promise<void>;
  matched?: JoinMatched;
  refused?: string;
}

export function createMatching(ctx: Context) {
  const open = new Map<string, Match>();
  const oneAtATime = createKeyedLock();
  const refuse = (code: RequestError["code"], run: string, detail: string): never => {
    throw new RequestError(code, `match of run ${run}: ${detail}`);
  };
  function sideOf(run: string, author: string): { readonly match: Match; readonly name: SideName } {
    const match = open.get(run);
    if (match === undefined || (author !== match.asker && author !== match.holder)) {
      return refuse("ERR_REQUEST_UNKNOWN", run, "not known to this node");
    }
    return { match, name: author === match.asker ? "asker" : "holder" };
  }

  async function begin(run: string, author: string): Promise<Match> {
    const [opened, committed, ended] = await Promise.all([
      readJoinOpened(ctx.services.ledger, run),
      readJoinCommitted(ctx.services.ledger, run),
      readJoinEnded(ctx.services.ledger, run),
    ]);
    if (opened === undefined || committed === undefined) {
      return refuse("ERR_REQUEST_UNREACHABLE", run, "not on this node's replica yet");
    }
    if (opened.body.operation !== "statistics" || (author !== opened.requester && author !== opened.provider)) {
      return refuse("ERR_REQUEST_FORBIDDEN", run, `is not ${author}'s, or nothing to be matched here`);
    }
    const isFresh = ended?.body.outcome === "released" && ctx.clock() - Date.parse(ended.time) <= KEPT_MS;
    if (ended !== undefined && !isFresh) return refuse("ERR_REQUEST_TRANSITION", run, "is over");
    const sizes = { asker: opened.body.size, holder: committed.body.size };
    if (Math.max(sizes.asker, sizes.holder) > MOST_MATCHED) {
      return refuse("ERR_REQUEST_FORBIDDEN", run, `at most ${MOST_MATCHED} items are matched`);
    }
    if (!open.has(run) && !hasPlace(opened.requester)) await closeFailed();
    const present = open.get(run);
    if (present !== undefined) return present;
    if (!hasPlace(opened.requester)) return refuse("ERR_REQUEST_UNREACHABLE", run, "too many others at present");
    const [asker, holder, folder] = [opened.requester, opened.provider, runFolder(ctx, "matcher", run)];
    const timer = closing(run, KEPT_MS);
    const match: Match = { asker, holder, sizes, folder, sides: new Map(), timer, ending: new AbortController() };
    open.set(run, match);
    return match;
  }

  const isOver = ({ matched, refused }: Match): boolean => matched !== undefined || refused !== undefined;
  function hasPlace(asker: string): boolean {
    const running = [...open.values()].filter((one) => !isOver(one));
    const own = running.filter((one) => one.asker === asker);
    return open.size < MOST_KEPT && running.length < MOST_OPEN && own.length < MOST_OF_ONE;
  }

  /** Runs that failed elsewhere hold no place. */
  async function closeFailed(): Promise<void> {
    for (const run of open.keys()) {
      const outcome = (await readJoinEnded(ctx.services.ledger, run))?.body.outcome;
      if (outcome !== undefined && outcome !== "released") await close(run);
    }
  }

  function closing(run: string, ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => void close(run), ms);
    timer.unref();
    return timer;
  }

  /** Lets go of its files, whatever was under way. */
  async function close(run: string): Promise<void> {
    const match = open.get(run);
    if (match === undefined) return;
    open.delete(run);
    clearTimeout(match.timer);
    match.ending.abort();
    await oneAtATime(run, async () => {
      await match.work;
      await removeFiles(match);
    });
  }

  /** Once both sides are whole: nobody waits for it, the asker looks again. */
  function finish(run: string, match: Match): void {
    const [asker, holder] = [match.sides.get("asker"), match.sides.get("holder")];
    if (asker === undefined || holder === undefined) return;
    if (asker.filled < asker.size || holder.filled < holder.size) return;
    match.work = matchOf(run, match, { asker, holder })
      .catch((error: unknown) => {
        match.refused = error instanceof PsiError ? error.code : "ERR_PSI_FAILED";
        if (!(error instanceof PsiError)) ctx.services.log.warn({ run, err: error }, "a match has failed");
      })
      .then(() => {
        clearTimeout(match.timer);
        if (open.get(run) === match) match.timer = closing(run, TOLD_MS);
        return removeFiles(match);
      });
  }

  async function matchOf(run: string, match: Match, { asker, holder }: Record<SideName, Side>): Promise<void> {
    if ([asker, holder].some(({ part, digest }) => digest.digest("base64url") !== part.digest)) {
      throw new PsiError("ERR_PSI_MESSAGE", "match: its bytes are not the announced ones");
    }
    if (asker.part.groups > holder.part.askerGroups!) {
      throw new PsiError("ERR_PSI_GROUP", "match: the asker has more groups than were agreed on");
    }
    const { folder, sizes } = match;
    const minimum = holder.part.minimum!;
    const groups = await runMatch(
      {
        folder,
        sizes,
        asker: { path: asker.path, groups: asker.part.groups },
        holder: { path: holder.path, groups: holder.part.groups, columns: holder.part.columns! },
        minimum,
      },
      match.ending.signal,
    );
    match.matched = ctx.sign("join", {
      run,
      minimum,
      holder: holder.part.digest,
      asker: asker.part.digest,
      groups,
      at: ctx.services.now(),
    }) as JoinMatched;
  }

  return Object.freeze({
    /** Throws RequestError. Of one side once; the same again is answered. */
    announce: async (author: string, run: string, part: MatchPart): Promise<void> => {
      const match = await begin(run, author);
      const name = author === match.asker ? "asker" : "holder";
      const stated = [part.minimum, part.columns, part.askerGroups].filter((one) => one !== undefined).length;
      if (stated !== (name === "holder" ? 3 : 0)) {
        return refuse("ERR_REQUEST_INVALID", run, "minimum, columns and the asker's groups are the holder's to say");
      }
      if ((part.columns ?? 0) > MOST_COLUMNS) {
        return refuse("ERR_REQUEST_FORBIDDEN", run, `at most ${MOST_COLUMNS} columns are matched`);
      }
      await oneAtATime(run, async () => {
        if (open.get(run) !== match) return refuse("ERR_REQUEST_TRANSITION", run, "is over");
        const before = match.sides.get(name);
        if (before?.part.digest === part.digest || isOver(match)) return;
        if (before !== undefined) return refuse("ERR_REQUEST_TRANSITION", run, "was announced otherwise");
        match.sides.set(name, await openSide(match, name, part));
      });
    },
    /** The next piece, or the last one again; it is on disk when this resolves. Throws RequestError. */
    take: (author: string, run: string, index: number, piece: Uint8Array): Promise<number> =>
      oneAtATime(run, async () => {
        const { match, name } = sideOf(run, author);
        const side = match.sides.get(name);
        if (isOver(match)) return index + 1;
        if (side === undefined) return refuse("ERR_REQUEST_TRANSITION", run, "nothing was announced");
        const start = index * PIECE_BYTES;
        const wanted = Math.min(PIECE_BYTES, side.size - start);
        if (wanted <= 0 || piece.length !== wanted) {
          return refuse(
            "ERR_REQUEST_INVALID",
            run,
            `piece ${index}: wanted ${Math.max(0, wanted)} bytes, got ${piece.length}`,
          );
        }
        const isLast = start + wanted === side.filled && side.last !== undefined;
        if (isLast && Buffer.compare(side.last!, piece) === 0) return index + 1;
        if (start !== side.filled) return refuse("ERR_REQUEST_TRANSITION", run, `piece ${index}: is not the next`);
        await side.file.write(piece, 0, wanted, start);
        side.digest.update(piece);
        side.last = piece;
        side.filled += wanted;
        finish(run, match);
        return index + 1;
      }),
    /** To the asker, who receives. */
    view(author: string, run: string): { readonly matched?: JoinMatched; readonly refused?: string } {
      const { match, name } = sideOf(run, author);
      if (name !== "asker") return refuse("ERR_REQUEST_FORBIDDEN", run, "its groups are the asker's");
      return {
        ...(match.matched === undefined ? {} : { matched: match.matched }),
        ...(match.refused === undefined ? {} : { refused: match.refused }),
      };
    },
    async stop(): Promise<void> {
      await Promise.all([...open.keys()].map(close));
    },
  });
}

async function openSide({ sizes, folder }: Match, name: SideName, part: MatchPart): Promise<Side> {
  const [own, other] = name === "asker" ? [sizes.asker, sizes.holder] : [sizes.holder, sizes.asker];
  const path = join(folder, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = await openFile(path, "wx", 0o600);
  const size = broughtSize({ own, other, columns: part.columns ?? 0 });
  return { part, path, file, size, digest: createHash("sha256"), filled: 0 };
}

async function removeFiles({ sides, folder }: Match): Promise<void> {
  const files = [...sides.values()].map(({ file }) => file);
  sides.clear();
  await Promise.all(files.map((file) => file.close()));
  await rm(folder, { recursive: true, force: true });
}
