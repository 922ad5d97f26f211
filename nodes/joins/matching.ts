/**
 * The coordinator's part in a join of sums: it matches two lists that it cannot read, adds up words that it cannot read, and
 * leaves out groups below the holder's minimum. All of it is in memory, for some minutes.
 */
import { readJoinCommitted, readJoinEnded, readJoinOpened } from "../../chaincode/rules/keys.ts";
import { PsiError } from "../../crypto/psi/errors.ts";
import { groupsOf } from "../../crypto/psi/join.ts";
import { toBase64url } from "../../crypto/suites/encoding.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import type { JoinMatched } from "../../ledger/audit/join-statements.ts";
import type { Context } from "../computations/context.ts";
import { broughtSize, bytesDigest, MOST_COLUMNS, MOST_MATCHED, readBrought } from "./match-bytes.ts";
import { type MatchPart, PIECE_BYTES } from "./messages.ts";

const MOST_OPEN = 4;
const KEPT_MS = 600_000;

interface Side {
  readonly part: MatchPart;
  readonly bytes: Uint8Array;
  /** Bytes that have come. */
  filled: number;
}
interface Match {
  readonly asker: string;
  readonly holder: string;
  readonly sizes: { readonly asker: number; readonly holder: number };
  readonly sides: Map<"asker" | "holder", Side>;
  readonly timer: NodeJS.Timeout;
  matched?: JoinMatched;
  refused?: string;
}

export function createMatching(ctx: Context) {
  const open = new Map<string, Match>();
  const refuse = (code: RequestError["code"], run: string, detail: string): never => {
    throw new RequestError(code, `match of run ${run}: ${detail}`);
  };
  function sideOf(run: string, author: string): { readonly match: Match; readonly name: "asker" | "holder" } {
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
    const present = open.get(run);
    if (present !== undefined) return present;
    if (open.size >= MOST_OPEN) return refuse("ERR_REQUEST_UNREACHABLE", run, "too many others at present");
    const timer = setTimeout(() => open.delete(run), KEPT_MS);
    timer.unref();
    const match: Match = { asker: opened.requester, holder: opened.provider, sizes, sides: new Map(), timer };
    open.set(run, match);
    return match;
  }

  function finish(run: string, match: Match): void {
    const [asker, holder] = [match.sides.get("asker"), match.sides.get("holder")];
    if (asker === undefined || holder === undefined) return;
    if (asker.filled < asker.bytes.length || holder.filled < holder.bytes.length) return;
    try {
      if ([asker, holder].some(({ part, bytes }) => bytesDigest(bytes) !== part.digest)) {
        throw new PsiError("ERR_PSI_MESSAGE", "match: its bytes are not the announced ones");
      }
      if (asker.part.groups > holder.part.askerGroups!) {
        throw new PsiError("ERR_PSI_GROUP", "match: the asker has more groups than were agreed on");
      }
      const minimum = holder.part.minimum!;
      const groups = matched(match, asker, holder, minimum);
      match.matched = ctx.sign("join", {
        run,
        minimum,
        holder: holder.part.digest,
        asker: asker.part.digest,
        groups,
        at: ctx.services.now(),
      }) as JoinMatched;
    } catch (error) {
      if (!(error instanceof PsiError)) throw error;
      match.refused = error.code;
    } finally {
      match.sides.clear();
    }
  }

  return Object.freeze({
    /** Throws RequestError. Of one side once; the same again is answered. */
    async announce(author: string, run: string, part: MatchPart): Promise<void> {
      const match = await begin(run, author);
      const name = author === match.asker ? "asker" : "holder";
      const stated = [part.minimum, part.columns, part.askerGroups].filter((one) => one !== undefined).length;
      if (stated !== (name === "holder" ? 3 : 0)) {
        return refuse("ERR_REQUEST_INVALID", run, "minimum, columns and the asker's groups are the holder's to say");
      }
      if ((part.columns ?? 0) > MOST_COLUMNS) {
        return refuse("ERR_REQUEST_FORBIDDEN", run, `at most ${MOST_COLUMNS} columns are matched`);
      }
      const before = match.sides.get(name);
      if (before?.part.digest === part.digest || match.matched !== undefined) return;
      if (before !== undefined) return refuse("ERR_REQUEST_TRANSITION", run, "was announced otherwise");
      const [own, other] =
        name === "asker" ? [match.sizes.asker, match.sizes.holder] : [match.sizes.holder, match.sizes.asker];
      const bytes = new Uint8Array(broughtSize({ own, other, columns: part.columns ?? 0 }));
      match.sides.set(name, { part, bytes, filled: 0 });
    },
    /** The next piece, or the last one again. Throws RequestError. */
    take(author: string, run: string, index: number, piece: Uint8Array): number {
      const { match, name } = sideOf(run, author);
      const side = match.sides.get(name);
      if (match.matched !== undefined || match.refused !== undefined) return index + 1;
      if (side === undefined) return refuse("ERR_REQUEST_TRANSITION", run, "nothing was announced");
      const start = index * PIECE_BYTES;
      const wanted = Math.min(PIECE_BYTES, side.bytes.length - start);
      if (wanted <= 0 || piece.length !== wanted) {
        return refuse(
          "ERR_REQUEST_INVALID",
          run,
          `piece ${index}: wanted ${Math.max(0, wanted)} bytes, got ${piece.length}`,
        );
      }
      if (start + wanted === side.filled) {
        if (Buffer.compare(side.bytes.subarray(start, start + wanted), piece) === 0) return index + 1;
      }
      if (start !== side.filled) return refuse("ERR_REQUEST_TRANSITION", run, `piece ${index}: is not the next`);
      side.bytes.set(piece, start);
      side.filled += wanted;
      finish(run, match);
      return index + 1;
    },
    /** To the asker, who receives. */
    view(author: string, run: string): { readonly matched?: JoinMatched; readonly refused?: string } {
      const { match, name } = sideOf(run, author);
      if (name !== "asker") return refuse("ERR_REQUEST_FORBIDDEN", run, "its groups are the asker's");
      return {
        ...(match.matched === undefined ? {} : { matched: match.matched }),
        ...(match.refused === undefined ? {} : { refused: match.refused }),
      };
    },
    stop(): void {
      for (const { timer } of open.values()) clearTimeout(timer);
      open.clear();
    },
  });
}

function matched({ sizes }: Match, asker: Side, holder: Side, minimum: number) {
  const a = readBrought(asker.bytes, asker.part.groups, { own: sizes.asker, other: sizes.holder, columns: 0 });
  const columns = holder.part.columns!;
  const b = readBrought(holder.bytes, holder.part.groups, { own: sizes.holder, other: sizes.asker, columns });
  const groups = groupsOf({
    asker: { rows: a.points, labels: a.labels },
    holder: { keys: b.points, labels: b.labels, columns: b.columns },
    minimum,
  });
  return groups.map(({ group, rows, sums }) => ({ group, rows: wordsText(rows), sums: wordsText(sums) }));
}

/** Little-endian, as every machine that this runs on has them. */
const wordsText = (words: Uint32Array | BigUint64Array): string =>
  toBase64url(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
