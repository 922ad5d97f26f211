/**
 * Reads the catalogues of members that others can reach, while somebody here searches. Each member is crawled for
 * itself: one that is slow, dead or lies holds up none, and keeps its last good copy, whose age is shown. A copy takes
 * the place of the one before when it is whole; what a crash leaves of an unfinished one is deleted at the next start.
 */
import { type CrawledOffer, type CrawlRefusal, offerMatches } from "../../../exchange/catalog/crawled.ts";
import type { CatalogueSearch } from "../../../exchange/catalog/search-index.ts";
import { DATASPACE_PATH, joined } from "../../../exchange/protocol/paths.ts";
import type { Ledger } from "../../../ledger/port.ts";
import type { MemberDirectory } from "../../peer/member-directory.ts";
import { changedAsset } from "../../runtime/assets/changed-asset.ts";
import type { Effects } from "../../runtime/effects.ts";
import type { RecordStore } from "../../store/records.ts";
import { CrawlError } from "./crawl-error.ts";
import { CRAWL_LIMITS, type CrawlLimits, type CrawlPorts, crawlMember } from "./crawl-member.ts";
import { createKeptOffers, OFFER_LIMITS, type OfferLimits } from "./kept-offers.ts";

/** What is known of one member's catalogue. Instants are UTC with Z. */
export interface CrawledMember {
  readonly member: string;
  /** Number of the copy that counts; 0: none yet. */
  readonly copy: number;
  /** When it was read. */
  readonly copiedAt?: string;
  readonly entries: number;
  /** As it was read; others may have got some of its room since. */
  readonly offers: number;
  /** Of that copy, by reason. */
  readonly refused: Readonly<Partial<Record<CrawlRefusal, number>>>;
  /** Tries in vain since, and why the last one was. */
  readonly failures: number;
  readonly error?: string;
  readonly due: string;
}

export interface FoundOffer extends CrawledOffer {
  readonly member: string;
  readonly copiedAt: string;
}

export interface Crawler {
  /** Somebody searches: catalogues are read from now on, for a day. */
  wanted(): void;
  /** Offers that the ledger does not know, from the last good copies; at most 1,000. */
  search(search: CatalogueSearch): readonly FoundOffer[];
  /** Of every member that was tried, ascending, with what is kept of its offers now. */
  members(): readonly CrawledMember[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface CrawlerTimes {
  readonly wantedMs: number;
  /** Between two good copies. */
  readonly freshMs: number;
  /** After the ledger has recorded something about an asset of the member. */
  readonly newsMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}
export const CRAWLER_TIMES: CrawlerTimes = Object.freeze({
  wantedMs: 24 * 60 * 60_000,
  freshMs: 60 * 60_000,
  newsMs: 30_000,
  firstPauseMs: 30_000,
  longestPauseMs: 6 * 60 * 60_000,
});
const PARALLEL = 4;
const MAX_RESULTS = 1_000;

export interface CrawlerDeps extends Pick<Effects, "now" | "random" | "alarm"> {
  readonly member: string;
  readonly members: Pick<MemberDirectory, "list">;
  readonly ledger: Pick<Ledger, "entries" | "status">;
  readonly calls: Pick<CrawlPorts, "authorize" | "dispatcher">;
  readonly accept: CrawlPorts["accept"];
  readonly states: RecordStore<CrawledMember>;
  /** By `<member>/<copy>/<number>`. */
  readonly offers: RecordStore<CrawledOffer>;
  readonly onFailure: (member: string, error: unknown) => void;
  readonly limits?: CrawlLimits;
  readonly offerLimits?: OfferLimits;
  readonly times?: CrawlerTimes;
}

export function createCrawler(deps: CrawlerDeps): Crawler {
  const { limits = CRAWL_LIMITS, times = CRAWLER_TIMES } = deps;
  const states = new Map<string, CrawledMember>();
  const copies = createKeptOffers(deps.offerLimits ?? OFFER_LIMITS, (key) => {
    deps.offers.delete(key).catch((error) => deps.onFailure(deps.member, error));
  });
  const running = new Map<string, Promise<void>>();
  /** In which turn each member was tried last. */
  const tries = new Map<string, number>();
  let tried = 0;
  const ending = new AbortController();
  const clock = () => Date.parse(deps.now());
  let wantedUntil = 0;
  let position: number | undefined;
  let callOff: () => void = () => undefined;
  let turn: Promise<void> = Promise.resolve();

  /** Between half of it and one and a half: members that failed together are not tried together. */
  function spread(ms: number): number {
    const [high = 0, low = 0] = deps.random(2);
    return ms * (0.5 + (high * 256 + low) / 65_536);
  }
  const instant = (ms: number) => new Date(ms).toISOString();
  const triedAt = (member: string): number => tries.get(member) ?? 0;

  async function keep(state: CrawledMember): Promise<void> {
    await deps.states.put(state.member, state);
    states.set(state.member, state);
  }

  async function crawl(member: string, endpoint: string, known: ReadonlySet<string>): Promise<void> {
    const before = states.get(member) ?? NEVER(member);
    const copy = before.copy + 1;
    const fresh = copies.begin(member);
    let count = 0;
    try {
      // Of an earlier try that ended half way.
      await forget(member, copy);
      const done = await crawlMember(
        {
          ...deps.calls,
          accept: deps.accept,
          isMember: (id) => known.has(id),
          async keep(offer) {
            const key = `${prefixOf(member, copy)}${String(count).padStart(8, "0")}`;
            if (!fresh.add(key, offer)) return false;
            count += 1;
            await deps.offers.put(key, offer);
            return true;
          },
        },
        { member, base: joined(endpoint, DATASPACE_PATH.slice(1)) },
        limits,
        ending.signal,
      );
      const { entries, refused } = done;
      const due = instant(clock() + spread(times.freshMs));
      await keep({ member, copy, copiedAt: deps.now(), entries, offers: count, refused, failures: 0, due });
      fresh.keep();
      await forget(member, before.copy);
    } catch (error) {
      if (ending.signal.aborted) return;
      if (!(error instanceof CrawlError)) deps.onFailure(member, error);
      const failures = before.failures + 1;
      const pause = Math.min(times.firstPauseMs * 2 ** Math.min(failures - 1, 30), times.longestPauseMs);
      const code = error instanceof CrawlError ? error.code : "internal";
      await keep({ ...before, failures, error: code, due: instant(clock() + spread(pause)) });
      await forget(member, copy);
    } finally {
      fresh.drop();
    }
  }

  async function forget(member: string, copy: number): Promise<void> {
    for await (const [key] of deps.offers.entries(prefixOf(member, copy))) await deps.offers.delete(key);
  }

  /** What a member offered goes with its membership, or with its endpoint. */
  async function drop({ member, copy }: CrawledMember): Promise<void> {
    await deps.states.delete(member);
    states.delete(member);
    tries.delete(member);
    copies.delete(member);
    await forget(member, copy);
  }

  /** The ledger says whose assets have changed. */
  async function hearNews(): Promise<void> {
    const { height } = await deps.ledger.status();
    const from = position ?? height;
    position = height;
    if (from === height) return;
    const heard = new Set<string>();
    for await (const entry of deps.ledger.entries(from, height - from)) {
      const provider = changedAsset(entry)?.split(":", 1)[0];
      if (provider !== undefined) heard.add(provider);
    }
    for (const member of heard) {
      const state = states.get(member);
      const due = instant(clock() + spread(times.newsMs));
      if (state !== undefined && state.failures === 0 && due < state.due) states.set(member, { ...state, due });
    }
  }

  async function look(): Promise<void> {
    callOff();
    if (ending.signal.aborted || clock() >= wantedUntil) return;
    await hearNews();
    const all = await deps.members.list();
    const known = new Set(all.map(({ record }) => record.id));
    const there = all.filter(({ record, status }) => status === "active" && record.endpoint !== undefined);
    const ids = new Set(there.map(({ record }) => record.id));
    for (const state of states.values()) if (!ids.has(state.member) && !running.has(state.member)) await drop(state);
    let soonest = clock() + times.newsMs;
    // Whoever was tried the longest ago goes first: however many are slow, and due again at once, all have their turn.
    const inTurn = there.toSorted((one, other) => triedAt(one.record.id) - triedAt(other.record.id));
    for (const { record } of inTurn) {
      const { id, endpoint = "" } = record;
      if (id === deps.member || running.has(id)) continue;
      const due = Date.parse(states.get(id)?.due ?? deps.now());
      if (due > clock()) {
        soonest = Math.min(soonest, due);
      } else if (running.size < PARALLEL) {
        tried += 1;
        tries.set(id, tried);
        const work = crawl(id, endpoint, known)
          .catch((error) => deps.onFailure(id, error))
          .finally(() => {
            running.delete(id);
            kick();
          });
        running.set(id, work);
      }
    }
    callOff = deps.alarm(Math.max(soonest, clock() + 1_000), kick);
  }

  function asKept(state: CrawledMember): CrawledMember {
    const offers = copies.of(state.member).length;
    const gone = state.offers - offers;
    if (gone === 0) return state;
    return { ...state, offers, refused: { ...state.refused, "too-many": (state.refused["too-many"] ?? 0) + gone } };
  }

  function kick(): void {
    turn = turn.then(look).catch((error) => deps.onFailure(deps.member, error));
  }

  return Object.freeze({
    wanted() {
      const isIdle = clock() >= wantedUntil;
      wantedUntil = clock() + times.wantedMs;
      if (isIdle) kick();
    },
    search(search: CatalogueSearch) {
      const found: FoundOffer[] = [];
      for (const [member, { copiedAt }] of states) {
        for (const offer of copies.of(member)) {
          if (found.length >= MAX_RESULTS) return found;
          if (offerMatches(member, offer, search)) found.push({ ...offer, member, copiedAt: copiedAt ?? "" });
        }
      }
      return found;
    },
    members: () => [...states.values()].map(asKept).toSorted((one, other) => (one.member < other.member ? -1 : 1)),
    async start() {
      for await (const [member, state] of deps.states.entries()) states.set(member, state);
      const kept = new Map<string, ReturnType<typeof copies.begin>>();
      for await (const [key, offer] of deps.offers.entries()) {
        const [member = "", copy = ""] = key.split("/");
        if (states.get(member)?.copy !== Number(copy)) {
          await deps.offers.delete(key);
          continue;
        }
        const offers = kept.get(member) ?? copies.begin(member);
        kept.set(member, offers);
        // What this start has no room for, the next one has none for either.
        if (!offers.add(key, offer)) await deps.offers.delete(key);
      }
      for (const offers of kept.values()) offers.keep();
    },
    async stop() {
      callOff();
      ending.abort(new CrawlError("stopped"));
      await turn;
      await Promise.all(running.values());
    },
  } satisfies Crawler);
}

const NEVER = (member: string): CrawledMember => ({
  ...{ member, copy: 0, entries: 0, offers: 0, refused: {}, failures: 0, due: "1970-01-01T00:00:00.000Z" },
});
const prefixOf = (member: string, copy: number): string => `${member}/${String(copy).padStart(12, "0")}/`;
