/**
 * The requester's side of joins. A run is begun with a list that stays here and in the memory of one process; what came of it
 * is kept with both sides' statements. A node that starts ends what was open: the keys are gone.
 */
import { hash } from "node:crypto";
import { countJoins, readJoinCommitted, readJoinEnded } from "../../chaincode/rules/keys.ts";
import { type Commitment, parseCommitment } from "../../crypto/psi/commitment.ts";
import { PsiError } from "../../crypto/psi/errors.ts";
import { frameCount, MAXIMUM_ITEMS } from "../../crypto/psi/frames.ts";
import { openGroups } from "../../crypto/psi/join.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { hashLeaf, treeOf } from "../../crypto/suites/merkle.ts";
import { verifySigned } from "../../crypto/suites/signed.ts";
import { figuresOf } from "../../exchange/joins/figures.ts";
import { isEnded, type JoinReason, moved } from "../../exchange/joins/run.ts";
import { type AgreementRecord, agreementKey } from "../../exchange/requests/agreement-record.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { record } from "../../exchange/requests/record.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import { type JoinMatched, type JoinReleased, matchedGroups } from "../../ledger/audit/join-statements.ts";
import type { LedgerError } from "../../ledger/port.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { Context } from "../computations/context.ts";
import { createKeyedLock } from "../computations/keyed-lock.ts";
import { PEER_BYTES } from "../peer/client.ts";
import type { PeerTarget } from "../peer/member-directory.ts";
import {
  compareAnswer,
  framed,
  placesOf,
  pointsOf,
  remasked,
  type StoredOwn,
  storeOthers,
  storeOwn,
} from "../psi/stored-party.ts";
import type { AskedJoin, JoinResult } from "./asked-join.ts";
import { bringToMatcher } from "./bring.ts";
import { joinEvidence } from "./evidence.ts";
import { variantOf } from "./holding.ts";
import { LIFE_MS, type LiveRun, newRun, openLiveRun } from "./live-run.ts";
import { MOST_MATCHED, writeBrought } from "./match-bytes.ts";
import { FRAME_BYTES, HolderView, joinPaths, MatchView, type PutList, Taken } from "./messages.ts";
import { reasonOf } from "./reason-of.ts";
import { isToldOf } from "./told-of.ts";

/** What the requester gives: its items, each with one of the request's labels where the request has any. */
export interface AskedItem {
  readonly item: string;
  readonly label?: string;
}

/** How far a run is, in frames of both lists. */
export interface JoinProgress {
  readonly done: number;
  readonly of: number;
}

const ATTEMPTS = 5;
const POLL_MS = 250;
/** The other side's table is read and masked, and both its replica and this one follow the ledger, in that time. */
const PATIENCE_MS = 1_800_000;

interface Live {
  readonly live: LiveRun;
  readonly progress: { done: number; of: number };
  /** By the clock of the node. */
  readonly until: number;
}

export function createAsking(ctx: Context) {
  const { ledger, openStore, random, now, member: self, peers, members } = ctx.services;
  const joins = openStore<AskedJoin>("joins-asked");
  const open = new Map<string, Live>();
  const oneAtATime = createKeyedLock();
  const stopped = new AbortController();

  async function ownRequest(request: string): Promise<DataRequest> {
    const asked = (await ctx.stores.documents.get(request))?.document.statement;
    if (asked?.join !== undefined && asked.requester === self) return asked;
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${request}: no own request for a join`);
  }

  async function agreedOn(request: string): Promise<{ readonly asked: DataRequest; readonly agreed: AgreementRecord }> {
    const asked = await ownRequest(request);
    const agreed = await ctx.stores.agreements.get(agreementKey(request, asked.assets[0]!));
    if (agreed === undefined || !(await ctx.facts.agreementStands(agreed.agreement, now()))) {
      throw new RequestError("ERR_REQUEST_TRANSITION", `request ${request}: has no agreement that stands`);
    }
    return { asked, agreed };
  }

  async function list(request: string): Promise<readonly AskedJoin[]> {
    const all: AskedJoin[] = [];
    for await (const [, one] of joins.entries()) if (one.request === request) all.push(one);
    return all.sort((a, b) => a.number - b.number);
  }

  async function begin(request: string, items: readonly AskedItem[]): Promise<AskedJoin> {
    const { asked, agreed } = await agreedOn(request);
    checkItems(asked, items);
    const parsed = parsePolicy(agreed.terms.policy);
    const runs = parsed.ok ? parsed.terms.joins.runs : 0;
    if ((await countJoins(ledger, agreed.agreement)) >= runs) {
      throw new RequestError("ERR_REQUEST_TRANSITION", `request ${request}: all ${runs} runs have begun`);
    }
    if ((await list(request)).some((one) => open.has(one.run) && !isEnded(one))) {
      throw new RequestError("ERR_REQUEST_TRANSITION", `request ${request}: a run is under way`);
    }
    const run = newRun(ctx);
    const live = await openLiveRun(ctx, "asker", run);
    const { operation } = asked.join!;
    try {
      const salt = random(32);
      const side = { variant: variantOf(operation), side: "asker", run: live.run, salt } as const;
      const names = items.map(({ item }) => item);
      const own = await storeOwn(side, live.workers, names, names.length, live.place("own"));
      const { size, root } = own.commitment;
      const number = (await countJoins(ledger, agreed.agreement)) + 1;
      const facts = { run, request, agreement: agreed.agreement, number, operation };
      const joined: AskedJoin = {
        ...facts,
        asker: self,
        holder: asked.assets[0]!.split(":")[0]!,
        openedAt: now(),
        size,
        state: { name: "opened" },
      };
      const { agreement } = agreed;
      // First here: a run that is on the ledger is ended there, whenever this process ends.
      await joins.put(run, joined);
      await record(ctx.party, "join.open", { run, agreement, number, operation, size, root }, run);
      const entry: Live = { live, progress: { done: 0, of: frameCount(size) }, until: ctx.clock() + LIFE_MS };
      open.set(run, entry);
      void drive(entry, joined, { asked, agreed, own, items })
        .catch((error: unknown) => failed(run, error))
        .finally(() => ended(run));
      return joined;
    } catch (error) {
      await live[Symbol.asyncDispose]();
      await endOpen(run).catch(() => undefined);
      if (error instanceof PsiError) throw new RequestError("ERR_REQUEST_INVALID", error.message);
      throw error;
    }
  }

  function checkItems({ join }: DataRequest, items: readonly AskedItem[]): void {
    const { items: most, labels, operation } = join!;
    const refuse = (detail: string): never => {
      throw new RequestError("ERR_REQUEST_INVALID", detail);
    };
    if (items.length < 1 || items.length > most) refuse(`items: wanted 1 to ${most}, got ${items.length}`);
    if (operation === "statistics" && items.length > MOST_MATCHED) refuse(`items: sums are of at most ${MOST_MATCHED}`);
    const wrong = items.findIndex(({ label }) =>
      labels === undefined ? label !== undefined : label === undefined || !labels.includes(label),
    );
    if (wrong >= 0) refuse(`items.${wrong}.label: wanted ${labels === undefined ? "none" : "one of the request's"}`);
    if (new Set(items.map(({ item }) => item)).size < items.length) refuse("items: one is there twice");
  }

  interface Asked {
    readonly asked: DataRequest;
    readonly agreed: AgreementRecord;
    readonly own: StoredOwn;
    readonly items: readonly AskedItem[];
  }

  async function drive(entry: Live, { run, holder }: AskedJoin, about: Asked): Promise<void> {
    const { live, progress } = entry;
    const { asked, own } = about;
    const target = await members.target(holder);
    const body = { request: asked.id, salt: toBase64url(own.salt) };
    const call = { method: "POST", path: joinPaths.run(run), body, response: HolderView } as const;
    // Its replica may be behind this one.
    await patiently(run, async () => await peers.call(target, { ...call, attempts: ATTEMPTS }).catch(orLater));
    const view = await until(target, run, (one) => one.state !== "opened");
    const commitment = await committedOn(run, about.agreed);
    await move(run, { name: "committed" });
    progress.of = frameCount(own.commitment.size) + 2 * frameCount(commitment.size);
    await putAll(target, run, "asker", own.frames(), progress);
    await until(target, run, ({ state }) => state === "received" || state === "released");
    await move(run, { name: "received" });
    const salt = fromBase64url(view.salt ?? "", "salt", 32);
    const from = { commitment, run: live.run, salt, frames: getAll(target, run, "holder", commitment.size, progress) };
    if (asked.join!.operation === "statistics") await sums(entry, about, { run, target, from });
    else await counted(entry, about, { run, target, from });
  }

  interface Other {
    readonly run: string;
    readonly target: PeerTarget;
    readonly from: Parameters<typeof storeOthers>[1];
  }

  async function counted({ live, progress }: Live, about: Asked, { run, target, from }: Other) {
    const { asked, own, items } = about;
    await using others = await storeOthers(live.workers, from, live.place("others"));
    const again = framed({ kind: "asked", run: live.run, size: others.size }, pointsOf(others));
    await putAll(target, run, "again", again, progress);
    const { release } = await until(target, run, ({ release: told }) => told !== undefined);
    const { told } = await checkedRelease(run, release!, about, others.size);
    if (told.kind !== "count") throw new PsiError("ERR_PSI_MESSAGE", "release: not of a number");
    const result: JoinResult = { keys: told.keys };
    if (asked.join!.operation === "cardinality") return await finish(run, release!, result);
    const hashes: Uint8Array[] = [];
    async function* answer() {
      for await (const frame of getAll(target, run, "answer", own.commitment.size)) {
        hashes.push(hashLeaf(frame));
        yield frame;
      }
    }
    const found: number[] = [];
    const come = { run: live.run, frames: answer() };
    const keys = await compareAnswer(own, others, come, live.place("compared"), (place) => found.push(place));
    if (toBase64url(treeOf(hashes).root) !== told.answer || keys !== told.keys) {
      throw new PsiError("ERR_PSI_COMMITMENT", "answer: not the one that was released");
    }
    const names = found.sort((a, b) => a - b).map((place) => items[place]!.item);
    await finish(run, release!, { ...result, items: names });
  }

  async function sums({ live }: Live, about: Asked, { run, target, from }: Other) {
    const { asked, agreed, own, items } = about;
    const { labels } = asked.join!;
    const order = await placesOf(own.stored);
    const groups = Uint16Array.from(order, (place) => labels?.indexOf(items[place]!.label!) ?? 0);
    const brought = await writeBrought(live.place("brought"), { points: remasked(live.workers, from), groups });
    const part = { groups: labels?.length ?? 1, digest: brought.digest };
    const matcher = asked.coordinator;
    await patiently(
      run,
      async () =>
        await bringToMatcher(ctx, {
          run,
          request: asked.id,
          matcher,
          part,
          brought,
          assertInTime: () => assertInTime(run),
        }).then(() => true, orLater),
    );
    const { release, seed } = await until(target, run, ({ release: told }) => told !== undefined);
    const { told, minimum } = await checkedRelease(run, release!, about, from.commitment.size);
    if (told.kind !== "sums" || told.matcher !== matcher || seed === undefined) {
      throw new PsiError("ERR_PSI_MESSAGE", "release: not of sums, or without its seed");
    }
    const secret = fromBase64url(seed, "seed", 32);
    const matched = await matchedBy(matcher, run);
    const key = await ctx.facts.publicKey(matcher, matched.key);
    const { statement } = matched;
    const isIts =
      key !== undefined &&
      matched.signer === matcher &&
      verifySigned(key, "join", matched) &&
      statement.run === run &&
      statement.minimum === minimum &&
      statement.holder === told.sent &&
      statement.asker === part.digest &&
      hash("sha256", secret, "base64url") === told.seed;
    if (!isIts) throw new PsiError("ERR_PSI_COMMITMENT", "match: not of what both sides brought");
    const size = from.commitment.size;
    const opening = { seed: secret, run: live.run, size, columns: told.columns, minimum };
    const opened = openGroups(matchedGroups(matched), opening);
    const attributes = await ctx.facts.attributes();
    const layout = compileLayout({ query: asked.query, assets: [agreed.terms.asset], attributes });
    const figures = figuresOf(layout, labels, opened);
    const keys = opened.reduce((sum, { rows }) => sum + rows, 0);
    const mutable = figures.map(({ group, keys: rows, figures: all }) => ({ group, keys: rows, figures: [...all] }));
    await finish(run, release!, { keys, groups: mutable, seed, matched });
  }

  async function matchedBy(matcher: string, run: string): Promise<JoinMatched> {
    const target = await members.target(matcher);
    return await patiently(run, async () => {
      const { matched, refused } = await peers.call(target, {
        method: "GET",
        path: joinPaths.match(run),
        response: MatchView,
      });
      if (refused !== undefined) throw new PsiError("ERR_PSI_MESSAGE", `match: refused as ${refused}`);
      return matched;
    });
  }

  const minimumOf = (agreed: AgreementRecord): number => {
    const parsed = parsePolicy(agreed.terms.policy);
    if (!parsed.ok) throw new RunEnded("failed", "agreement-over");
    return parsed.terms.joins.minimumGroup;
  };

  /** What the ledger has of the other list, once this node's replica has it. Of fewer keys than the minimum nothing is ever told. */
  async function committedOn(run: string, agreed: AgreementRecord): Promise<Commitment> {
    const { body } = await patiently(run, async () => await readJoinCommitted(ledger, run));
    const { operation } = (await joins.get(run))!;
    const variant = variantOf(operation);
    const text = JSON.stringify({ ...body, variant, side: "holder" });
    const most = operation === "statistics" ? MOST_MATCHED : MAXIMUM_ITEMS;
    return parseCommitment(text, { run, variant, side: "holder" }, { least: minimumOf(agreed), most });
  }

  async function checkedRelease(run: string, release: JoinReleased, { agreed, own }: Asked, others: number) {
    const asked = (await joins.get(run))!;
    const key = await ctx.facts.publicKey(asked.holder, release.key);
    const about = { ...asked, minimum: minimumOf(agreed), most: Math.min(own.commitment.size, others) };
    const onLedger = await patiently(run, async () => await readJoinEnded(ledger, run));
    const isIts =
      key !== undefined &&
      release.signer === asked.holder &&
      verifySigned(key, "join", release) &&
      isToldOf(release.statement, about) &&
      onLedger.body.release === digestOf(release);
    if (!isIts) throw new PsiError("ERR_PSI_COMMITMENT", "release: not the holder's, or not the one on the ledger");
    return release.statement;
  }

  async function putAll(
    target: PeerTarget,
    run: string,
    list: PutList,
    frames: AsyncIterable<Uint8Array>,
    progress: Live["progress"],
  ) {
    let index = 0;
    for await (const body of frames) {
      assertInTime(run);
      const path = joinPaths.frame(run, list, index);
      const timeoutMs = 120_000;
      await peers.call(target, { method: "PUT", path, body, response: Taken, attempts: ATTEMPTS, timeoutMs });
      index += 1;
      progress.done += 1;
    }
  }

  async function* getAll(
    target: PeerTarget,
    run: string,
    list: "holder" | "answer",
    size: number,
    progress?: Live["progress"],
  ) {
    for (let index = 0; index < frameCount(size); index++) {
      assertInTime(run);
      const path = joinPaths.frame(run, list, index);
      yield await peers.call(target, {
        method: "GET",
        path,
        response: PEER_BYTES,
        attempts: ATTEMPTS,
        maxBytes: FRAME_BYTES,
      });
      if (progress !== undefined) progress.done += 1;
    }
  }

  /** The holder's view once it is so; throws RunEnded where it never will be. */
  const until = async (target: PeerTarget, run: string, isSo: (view: HolderView) => boolean): Promise<HolderView> =>
    await patiently(run, async () => {
      const call = { method: "GET", path: joinPaths.run(run), response: HolderView, attempts: ATTEMPTS } as const;
      const view = await peers.call(target, call);
      if (view.state === "withheld" || view.state === "failed")
        throw new RunEnded(view.state, view.reason ?? "protocol");
      return isSo(view) ? view : undefined;
    });

  /** The other side may answer each call in its very last moment. Throws RunEnded. */
  function assertInTime(run: string, until = Number.POSITIVE_INFINITY): void {
    stopped.signal.throwIfAborted();
    if (ctx.clock() < Math.min(until, open.get(run)?.until ?? 0)) return;
    throw new RunEnded("failed", "abandoned");
  }

  async function patiently<T>(run: string, look: () => Promise<T | undefined>): Promise<T> {
    for (const until = ctx.clock() + PATIENCE_MS; ; ) {
      assertInTime(run, until);
      const found = await look();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async function finish(run: string, release: JoinReleased, result: JoinResult): Promise<void> {
    const present = (await joins.get(run))!;
    await joins.put(run, { ...present, ...moved<JoinReleased>(present, { name: "released", release }), result });
    await closeAtHolder(run);
  }

  async function failed(run: string, error: unknown): Promise<void> {
    // The next start says so.
    if (stopped.signal.aborted) return;
    const [name, reason] =
      error instanceof RunEnded ? [error.state, error.reason] : (["failed", reasonOf(error)] as const);
    if (name === "failed") {
      ctx.services.log.warn({ run, reason, code: (error as { code?: string }).code }, "a join has failed");
    }
    await endAs(run, { name, reason });
    await closeAtHolder(run);
  }

  async function endAs(run: string, state: { readonly name: "withheld" | "failed"; readonly reason: JoinReason }) {
    const present = await joins.get(run);
    if (present === undefined || isEnded(present)) return;
    await joins.put(run, { ...present, ...moved<JoinReleased>(present, state) });
    if (state.name === "failed") await endOnLedger(run, state.reason).catch(() => undefined);
  }

  /** What the ledger has as ended already stays so. Throws LedgerError. */
  async function endOnLedger(run: string, reason: JoinReason): Promise<void> {
    if ((await readJoinEnded(ledger, run)) !== undefined) return;
    await record(ctx.party, "join.end", { run, outcome: "failed", reason }, { run, end: true });
  }

  /** Of an earlier process, or of a beginning that failed: ended here and on the ledger, or forgotten where that never had it. */
  async function endOpen(run: string): Promise<void> {
    const present = await joins.get(run);
    if (present === undefined) return;
    const { state } = present;
    const reason = state.name === "failed" ? state.reason : "restarted";
    if (!isEnded(present))
      await joins.put(run, { ...present, ...moved<JoinReleased>(present, { name: "failed", reason }) });
    if (state.name === "released" || state.name === "withheld") return;
    try {
      await endOnLedger(run, reason);
    } catch (error) {
      const { code, rejection } = error as Partial<LedgerError>;
      if (rejection?.code === "ERR_CONTRACT_NOT_FOUND") return await joins.delete(run);
      if (rejection?.code === "ERR_CONTRACT_STATE") return;
      ctx.services.log.warn({ run, code: rejection?.code ?? code }, "the end of a join is not on the ledger");
    }
  }

  /** What the ledger has as told is shown, also where this node was stopped before it kept it. Throws RequestError. */
  async function shown(one: AskedJoin): Promise<AskedJoin> {
    const ended = await readJoinEnded(ledger, one.run);
    if (one.state.name === "released" || ended?.body.outcome !== "released") return one;
    const call = { method: "GET", path: joinPaths.run(one.run), response: HolderView } as const;
    const target = await members.target(one.holder);
    const { release } = await peers.call(target, call).catch((): Partial<HolderView> => ({}));
    if (release !== undefined && digestOf(release) === ended.body.release) {
      return { ...one, state: { name: "released", release } };
    }
    const message = `join ${one.number}: was released, and ${one.holder} does not show what; ask again when it answers`;
    throw new RequestError("ERR_REQUEST_UNREACHABLE", message);
  }

  async function closeAtHolder(run: string): Promise<void> {
    const { holder } = (await joins.get(run))!;
    await members
      .target(holder)
      .then((target) => peers.call(target, { method: "DELETE", path: joinPaths.run(run), response: Taken }))
      .catch(() => undefined);
  }

  async function ended(run: string): Promise<void> {
    const entry = open.get(run);
    open.delete(run);
    await entry?.live[Symbol.asyncDispose]();
  }

  async function move(run: string, state: AskedJoin["state"]): Promise<void> {
    const present = (await joins.get(run))!;
    await joins.put(run, { ...present, ...moved<JoinReleased>(present, state) });
  }

  return Object.freeze({
    /** Throws ERR_REQUEST_UNKNOWN. */
    async list(request: string): Promise<readonly AskedJoin[]> {
      await ownRequest(request);
      return await list(request);
    },
    /** The text of a bundle of every run so far. Throws ERR_REQUEST_TRANSITION where none has ended, or one is under way. */
    async evidence(request: string): Promise<string> {
      const asked = await ownRequest(request);
      const all = await list(request);
      const document = await ctx.stores.documents.get(request);
      const agreed = await ctx.stores.agreements.get(agreementKey(request, asked.assets[0]!));
      if (all.length === 0 || document === undefined || agreed === undefined || !all.every(isEnded)) {
        throw new RequestError("ERR_REQUEST_TRANSITION", `request ${request}: no run yet, or one is under way`);
      }
      return await joinEvidence(ctx, agreed, document, await Promise.all(all.map(shown)));
    },
    /** Of one that is under way. */
    progress: (run: string): JoinProgress | undefined => open.get(run)?.progress,
    /** Resolves once the run is on the ledger; it goes on by itself. Throws RequestError. */
    begin: (request: string, items: readonly AskedItem[]): Promise<AskedJoin> =>
      oneAtATime(request, () => begin(request, items)),
    /** Ends what an earlier process left open. */
    async start(): Promise<void> {
      for await (const [run] of joins.entries()) await endOpen(run);
    },
    async stop(): Promise<void> {
      stopped.abort();
      await Promise.all([...open.keys()].map(ended));
    },
  });
}

class RunEnded extends Error {
  override readonly name = "RunEnded";
  readonly state: "withheld" | "failed";
  readonly reason: JoinReason;

  constructor(state: RunEnded["state"], reason: JoinReason) {
    super(`${state}: ${reason}`);
    this.state = state;
    this.reason = reason;
  }
}

/** Undefined where the other side says that it comes later; throws all else. */
function orLater(error: unknown): undefined {
  const { answer } = error as { answer?: { status?: number } };
  if (answer?.status === 503) return undefined;
  throw error;
}
