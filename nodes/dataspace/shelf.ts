/**
 * Letters that wait for a member to fetch them: this node's own, and at the operator those between members that nobody
 * can connect to. All in memory: their authors have what they say on disk and leave it again.
 */
import { createKeyedBell } from "../computations/keyed-bell.ts";
import type { Letter } from "./letters.ts";

export const SHELF = Object.freeze({
  /** Of one author. */
  count: 512,
  bytes: 16 * 1024 * 1024,
  /** Of one author for one recipient. */
  countTo: 128,
  /** An author that still wants it leaves it again. */
  keptMs: 5 * 60_000,
  /** One that was just handed out is on its way. */
  againMs: 3_000,
  /** Of one answer. */
  pageCount: 64,
  pageBytes: 4 * 1024 * 1024,
});

interface Place {
  readonly letter: Letter;
  readonly bytes: number;
  readonly leftAt: number;
  handedAt: number;
}

export interface Shelf {
  /** In place of an earlier one of the same author about the same process. False: another author has too many here. */
  leave(letter: Letter, isOwn: boolean): boolean;
  take(signature: string): void;
  /** What waits for `member`, at once or within `waitMs`; about one process alone where `pid` says its author's name. */
  collect(member: string, waitMs: number, pid?: string): Promise<readonly Letter[]>;
  close(): void;
}

export function createShelf(clock: () => number, bounds: Readonly<Record<keyof typeof SHELF, number>> = SHELF): Shelf {
  const places = new Map<string, Place>();
  const bySignature = new Map<string, string>();
  const bell = createKeyedBell();

  function remove(key: string): void {
    const place = places.get(key);
    if (place === undefined) return;
    places.delete(key);
    bySignature.delete(place.letter.signature);
  }

  function sweep(now: number): void {
    for (const [key, { leftAt }] of places) if (now - leftAt > bounds.keptMs) remove(key);
  }

  /** The authors in turn, of each the least recently handed first: nobody's letters keep another's waiting. */
  function waiting(member: string, pid: string | undefined, now: number): readonly [string, Place][] {
    const byAuthor = new Map<string, [string, Place][]>();
    for (const [key, place] of places) {
      const { to, content } = place.letter.statement;
      const isMeant = to === member && (pid === undefined || ("call" in content && content.call.pid === pid));
      if (!isMeant || now - place.handedAt < bounds.againMs) continue;
      const { signer } = place.letter;
      const theirs = byAuthor.get(signer) ?? [];
      theirs.push([key, place]);
      byAuthor.set(signer, theirs);
    }
    const earliest = ([, a]: [string, Place], [, b]: [string, Place]) =>
      a.handedAt === b.handedAt ? 0 : a.handedAt - b.handedAt;
    const inTurn = [...byAuthor.values()].flatMap((theirs) =>
      theirs.sort(earliest).map((one, turn) => ({ one, turn })),
    );
    return inTurn.sort((a, b) => a.turn - b.turn || earliest(a.one, b.one)).map(({ one }) => one);
  }

  function page(member: string, pid: string | undefined): readonly Letter[] {
    const now = clock();
    sweep(now);
    const found: Letter[] = [];
    let bytes = 0;
    for (const [key, place] of waiting(member, pid, now)) {
      const { content } = place.letter.statement;
      if (found.length >= bounds.pageCount) break;
      if (found.length > 0 && bytes + place.bytes > bounds.pageBytes) continue;
      place.handedAt = now;
      bytes += place.bytes;
      found.push(place.letter);
      // Whoever does not get an answer asks again.
      if ("reply" in content) remove(key);
    }
    return found;
  }

  return Object.freeze({
    leave(letter: Letter, isOwn: boolean) {
      const { to, content } = letter.statement;
      const now = clock();
      sweep(now);
      const key = `${to} ${letter.signer} ${"call" in content ? `call ${content.call.pid}` : `reply ${content.reply.to}`}`;
      remove(key);
      const bytes = Buffer.byteLength(JSON.stringify(letter));
      if (!isOwn) {
        const others = [...places.values()].filter((place) => place.letter.signer === letter.signer);
        const total = others.reduce((sum, place) => sum + place.bytes, bytes);
        const sameWay = others.filter((place) => place.letter.statement.to === to).length;
        if (others.length >= bounds.count || sameWay >= bounds.countTo || total > bounds.bytes) return false;
      }
      places.set(key, { letter, bytes, leftAt: now, handedAt: Number.NEGATIVE_INFINITY });
      bySignature.set(letter.signature, key);
      bell.ring(to);
      return true;
    },
    take(signature: string) {
      const key = bySignature.get(signature);
      if (key !== undefined) remove(key);
    },
    async collect(member: string, waitMs: number, pid?: string) {
      const until = clock() + waitMs;
      for (;;) {
        const found = page(member, pid);
        const left = until - clock();
        if (found.length > 0 || left <= 0 || bell.isClosed()) return found;
        await bell.wait(member, left);
      }
    },
    close: bell.close,
  } satisfies Shelf);
}
