/**
 * The provider's side of joins: what was agreed on, both lists committed to, and nothing told before it is decided, remembered,
 * logged and on the ledger. Every run is a record; its keys are in memory, so a start of the node ends what was open.
 */
import { hash } from "node:crypto";
import { readJoinEnded, readJoinOpened } from "../../chaincode/rules/keys.ts";
import type { JoinOpened } from "../../chaincode/rules/records.ts";
import { type Commitment, type PsiVariant, parseCommitment } from "../../crypto/psi/commitment.ts";
import { PsiError } from "../../crypto/psi/errors.ts";
import { frameCount } from "../../crypto/psi/frames.ts";
import { maskedColumns } from "../../crypto/psi/join.ts";
import { firstForbidden } from "../../crypto/secagg/history.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { hashLeaf, treeOf } from "../../crypto/suites/merkle.ts";
import { type KeyedRows, keyedRows } from "../../exchange/joins/keyed-rows.ts";
import { isEnded, type JoinReason, type JoinRun, moved } from "../../exchange/joins/run.ts";
import { type AgreementRecord, agreementKey } from "../../exchange/requests/agreement-record.ts";
import { RequestError } from "../../exchange/requests/errors.ts";
import { record } from "../../exchange/requests/record.ts";
import { compileLayout } from "../../exchange/statistics/compile.ts";
import type { Layout } from "../../exchange/statistics/layout.ts";
import type { JoinReleased } from "../../ledger/audit/join-statements.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";
import type { Context } from "../computations/context.ts";
import { joinReleaseId } from "../computations/release-history.ts";
import { matchStored, storeSorted } from "../psi/stored-lists.ts";
import { placesOf, remasked, type StoredOwn, storeAnswer, storeOwn, taken } from "../psi/stored-party.ts";
import { releaseOf } from "../queries/answering.ts";
import { bringToMatcher } from "./bring.ts";
import { createInlet, createOutlet, type Inlet, InletError, type Outlet } from "./inlet.ts";
import { LIFE_MS, type LiveRun, openLiveRun, removeOldRuns } from "./live-run.ts";
import { MOST_COLUMNS, MOST_MATCHED, writeBrought } from "./match-bytes.ts";
import type { GetList, HolderView, PutList } from "./messages.ts";
import { reasonOf } from "./reason-of.ts";

export interface HeldJoin extends JoinRun<JoinReleased> {
  /** On disk before the ledger has its digest: whatever is recorded as told can be shown, also after a crash in between. */
  readonly signed?: JoinReleased;
  /** It has its line in the access log, and may be shown. */
  readonly isLogged?: true;
}

const MOST_OPEN = 4;
/** Of one asker, so that nobody alone keeps the others out. */
const MOST_OF_ONE = 3;
/** Between two messages of the asker. */
const IDLE_MS = 600_000;

interface Live {
  readonly live: LiveRun;
  readonly asked: DataRequest;
  readonly asset: Asset;
  readonly terms: PolicyTerms;
  readonly layout: Layout;
  /** The asker's. */
  readonly other: Commitment;
  readonly otherSalt: Uint8Array;
  readonly lists: Record<PutList, Inlet>;
  readonly idle: NodeJS.Timeout;
  readonly life: NodeJS.Timeout;
  own?: StoredOwn;
  rows?: KeyedRows;
  readonly outlets: Partial<Record<GetList, Outlet>>;
  /** What the asker may see. */
  shown: HolderView;
}

const VARIANTS = { intersection: "intersection", cardinality: "cardinality", statistics: "join" } as const;
export const variantOf = (operation: HeldJoin["operation"]): PsiVariant => VARIANTS[operation];

export function createHolding(ctx: Context) {
  const { ledger, openStore, random, now, member: self, accessLog } = ctx.services;
  const held = openStore<HeldJoin>("joins-held");
  const open = new Map<string, Live>();
  /** On their way there: they count as well. */
  const starting = new Map<string, string>();
  const refuse = (code: RequestError["code"], run: string, detail: string): never => {
    throw new RequestError(code, `join ${run}: ${detail}`);
  };

  async function begin(author: string, run: string, request: string, salt: string): Promise<void> {
    const asked = (await ctx.stores.documents.get(request))?.document.statement;
    const own = await ctx.assets.get(asked?.assets[0] ?? "");
    if (asked?.join === undefined || asked.requester !== author || own === undefined) {
      return refuse("ERR_REQUEST_UNKNOWN", run, "its request is not known to this node");
    }
    const opened = await readJoinOpened(ledger, run);
    if (opened === undefined) return refuse("ERR_REQUEST_UNREACHABLE", run, "is not on this node's replica yet");
    const agreed = await ctx.stores.agreements.get(agreementKey(request, own.asset.id));
    if (opened.requester !== author || agreed === undefined || opened.body.agreement !== agreed.agreement) {
      return refuse("ERR_REQUEST_FORBIDDEN", run, "is not under the agreement on this request");
    }
    const terms = await agreedTerms(agreed, run, own.asset);
    await demandRemembered(run, own.asset.id);
    if (opened.body.operation !== asked.join.operation)
      return refuse("ERR_REQUEST_FORBIDDEN", run, "is another operation");
    if ((await readJoinEnded(ledger, run)) !== undefined) return refuse("ERR_REQUEST_TRANSITION", run, "has ended");
    const other = commitmentOf(opened, asked, terms, run);
    const isSummed = asked.join.operation === "statistics";
    if (isSummed && (other.size > MOST_MATCHED || asked.query.measures.length > MOST_COLUMNS)) {
      return refuse(
        "ERR_REQUEST_FORBIDDEN",
        run,
        `sums are of at most ${MOST_MATCHED} items and ${MOST_COLUMNS} columns`,
      );
    }
    await closeEarlier(request);
    if (!hasPlace(author)) await closeEnded();
    if (!hasPlace(author)) return refuse("ERR_REQUEST_UNREACHABLE", run, "too many others at present");
    const layout = compileLayout({ query: asked.query, assets: [own.asset], attributes: await ctx.facts.attributes() });
    const facts: HeldJoin = {
      run,
      request,
      agreement: agreed.agreement,
      number: opened.body.number,
      operation: asked.join.operation,
      asker: author,
      holder: self,
      openedAt: now(),
      state: { name: "opened" },
    };
    await held.put(run, facts);
    const entry: Live = {
      live: await openLiveRun(ctx, "holder", run),
      asked,
      asset: own.asset,
      terms,
      layout,
      other,
      otherSalt: fromBase64url(salt, "salt", 32),
      lists: { asker: createInlet(frameCount(other.size)), again: createInlet(0) },
      idle: setTimeout(() => void fail(run, "abandoned"), IDLE_MS),
      life: setTimeout(() => void fail(run, "abandoned"), LIFE_MS),
      outlets: {},
      shown: { state: "opened" },
    };
    entry.idle.unref();
    entry.life.unref();
    open.set(run, entry);
    void drive(run, entry).catch(async (error: unknown) => {
      await fail(run, reasonOf(error));
      ctx.services.log.warn({ run, code: (error as { code?: string }).code }, "a join has failed");
    });
  }

  function hasPlace(asker: string): boolean {
    const running = [...open.values()].filter((one) => one.asked.requester === asker).length;
    const begun = [...starting.values()].filter((one) => one === asker).length;
    return open.size + starting.size <= MOST_OPEN && running + begun <= MOST_OF_ONE;
  }

  /** Whoever asks has one run at a time under a request: a later one says that those before it are over. */
  async function closeEarlier(request: string): Promise<void> {
    for (const [run, { asked }] of open) {
      if (asked.id !== request) continue;
      if (isEnded((await held.get(run))!)) await closeRun(run);
      else await fail(run, "abandoned");
    }
  }

  /** A run that its asker has ended, as one that was started again does, holds no place. */
  async function closeEnded(): Promise<void> {
    for (const run of open.keys()) {
      const outcome = (await readJoinEnded(ledger, run))?.body.outcome;
      if (outcome === "failed") await fail(run, "abandoned");
    }
  }

  /** What a later release may tell apart cannot be judged where an earlier one is forgotten. */
  async function demandRemembered(run: string, asset: string): Promise<void> {
    const forgotten = await ctx.forgotten.of(asset);
    if (forgotten === undefined) return;
    refuse("ERR_REQUEST_FORBIDDEN", run, `this node does not remember release ${forgotten} of the asset`);
  }

  async function agreedTerms(agreed: AgreementRecord, run: string, asset: Asset): Promise<PolicyTerms> {
    if (!(await ctx.facts.agreementStands(agreed.agreement, now()))) {
      return refuse("ERR_REQUEST_FORBIDDEN", run, "its agreement does not stand");
    }
    if (asset.version !== agreed.terms.asset.version)
      return refuse("ERR_REQUEST_TRANSITION", run, "the asset has changed");
    const parsed = parsePolicy(agreed.terms.policy);
    return parsed.ok ? parsed.terms : refuse("ERR_REQUEST_FORBIDDEN", run, "its policy is not understood any more");
  }

  function commitmentOf({ body }: JoinOpened, asked: DataRequest, { joins }: PolicyTerms, run: string): Commitment {
    const variant = variantOf(body.operation);
    const sizes = { least: joins.leastItems, most: Math.min(joins.mostItems, asked.join!.items) };
    const text = JSON.stringify({ run, variant, side: "asker", size: body.size, root: body.root });
    try {
      return parseCommitment(text, { run, variant, side: "asker" }, sizes);
    } catch (error) {
      if (error instanceof PsiError) return refuse("ERR_REQUEST_FORBIDDEN", run, error.message);
      throw error;
    }
  }

  /** From the commitment to the end, as the asker's frames come in. */
  async function drive(run: string, entry: Live): Promise<void> {
    const { live, asked, asset, layout } = entry;
    const { element, operation } = asked.join!;
    const rows = await keyedRows(layout, asset, element, (...query) => ctx.assets.read(asset.id, ...query));
    entry.rows = rows;
    if (operation === "statistics" && rows.keys.length > MOST_MATCHED) {
      throw new PsiError("ERR_PSI_INPUT", `rows: sums are of at most ${MOST_MATCHED}`);
    }
    const salt = random(32);
    const side = { variant: variantOf(operation), side: "holder", run: live.run, salt } as const;
    const own = await storeOwn(side, live.workers, rows.keys, rows.keys.length, live.place("own"));
    entry.own = own;
    const { size, root } = own.commitment;
    await record(ctx.party, "join.commit", { run, size, root }, run);
    await move(run, { name: "committed" });
    entry.shown = { state: "committed", salt: toBase64url(salt) };
    if (operation === "statistics") await sums(run, entry, own);
    else await counted(run, entry, own);
  }

  const theirs = ({ live, other, otherSalt, lists }: Live) => ({
    commitment: other,
    run: live.run,
    salt: otherSalt,
    frames: lists.asker.pieces,
  });

  async function received(run: string, entry: Live, own: StoredOwn): Promise<void> {
    await move(run, { name: "received" });
    entry.outlets.holder = createOutlet(own.frames());
    entry.shown = { ...entry.shown, state: "received" };
  }

  /** Which, or how many: this side counts before anything is told. */
  async function counted(run: string, entry: Live, own: StoredOwn): Promise<void> {
    const { live, asked, other, terms, lists } = entry;
    const answer = await storeAnswer(live.workers, theirs(entry), live.place("answer"));
    const isNamed = asked.join!.operation === "intersection";
    const list = { kind: "asked", run: live.run } as const;
    const ours = createInlet(frameCount(own.commitment.size));
    lists.again = ours;
    await received(run, entry, own);
    const again = taken({ ...list, size: own.commitment.size }, ours.pieces, true);
    await using masked = await storeSorted(live.place("again"), again, own.commitment.size);
    const answered = taken({ ...list, size: other.size }, answer.frames(), !isNamed);
    await using compared = await storeSorted(live.place("compared"), answered, other.size);
    let keys = 0;
    await matchStored(compared, masked, () => {
      keys += 1;
    });
    const minimum = terms.joins.minimumGroup;
    if (keys < minimum) return await withhold(run, entry, "minimum-group");
    const root = isNamed ? await framesRoot(answer.frames()) : undefined;
    const told = { kind: "count", keys, ...(root === undefined ? {} : { answer: root }) } as const;
    const release = await released(run, entry, told);
    if (release === undefined) return;
    if (isNamed) entry.outlets.answer = createOutlet(answer.frames());
    entry.shown = { state: "released", release };
  }

  /** Sums by group: the matcher and the receiver count, and this side's values are masked for both. */
  async function sums(run: string, entry: Live, own: StoredOwn): Promise<void> {
    const { live, asked, layout, rows, terms } = entry;
    const order = await placesOf(own.stored);
    const seed = random(32);
    const { columns, groups } = rows!;
    const bound = columns.flat().reduce((most, value) => larger(most, value < 0n ? -value : value), 0n);
    const masked = maskedColumns(columns, { bound, order, run: live.run, seed });
    const brought = await writeBrought(live.place("brought"), {
      points: remasked(live.workers, theirs(entry)),
      groups: Uint16Array.from(order, (place) => groups[place]!),
      words: masked.words,
    });
    await received(run, entry, own);
    const minimum = terms.joins.minimumGroup;
    const askerGroups = asked.join!.labels?.length ?? 1;
    const part = { groups: layout.atoms, digest: brought.digest, minimum, columns: masked.count, askerGroups };
    const release = await released(run, entry, {
      kind: "sums",
      matcher: asked.coordinator,
      columns: masked.count,
      groups: layout.atoms,
      seed: hash("sha256", seed, "base64url"),
      sent: part.digest,
    });
    if (release === undefined) return;
    await bringToMatcher(ctx, { run, request: asked.id, matcher: asked.coordinator, part, brought });
    entry.shown = { state: "released", release, seed: toBase64url(seed) };
  }

  /** Remembered, on the ledger, on disk and logged; undefined where earlier releases forbid it. */
  async function released(run: string, entry: Live, told: JoinReleased["statement"]["told"]) {
    const { asset, terms, layout } = entry;
    const { request, agreement, number } = (await held.get(run))!;
    if (!(await ctx.facts.agreementStands(agreement, now()))) {
      await fail(run, "agreement-over");
      return undefined;
    }
    const remembered = releaseOf(layout, asset, terms, new Set(), joinReleaseId(run));
    await ctx.releases.load();
    if (firstForbidden(ctx.releases.entries(), remembered) !== undefined) {
      await withhold(run, entry, "release-history");
      return undefined;
    }
    const minimum = terms.joins.minimumGroup;
    const statement = { run, request, agreement, number, minimum, told, at: now() };
    const release = ctx.sign("join", statement) as JoinReleased;
    ctx.releases.remember(remembered);
    await ctx.releases.keep(remembered);
    await held.put(run, { ...(await held.get(run))!, signed: release });
    await record(ctx.party, "join.end", { run, outcome: "released", release: digestOf(release) }, { run, end: true });
    await log(run);
    // Last: from here on the asker is shown it, after a start too.
    await move(run, { name: "released", release });
    return release;
  }

  /** Once, before anything of what was told is shown. Throws where the log takes no line. */
  async function log(run: string): Promise<void> {
    const { asker, request, number, operation, isLogged } = (await held.get(run))!;
    if (isLogged === true) return;
    const asset = (await ctx.stores.documents.get(request))?.document.statement.assets[0] ?? "";
    const agreed = await ctx.stores.agreements.get(agreementKey(request, asset));
    await accessLog.append({
      actor: asker,
      action: `join ${number} request ${request}, ${operation}`,
      target: `${asset}#${agreed?.terms.asset.version ?? ""}`,
      outcome: "released",
    });
    await held.put(run, { ...(await held.get(run))!, isLogged: true });
  }

  async function withhold(run: string, entry: Live, reason: JoinReason): Promise<void> {
    await record(ctx.party, "join.end", { run, outcome: "withheld", reason }, { run, end: true });
    await move(run, { name: "withheld", reason });
    entry.shown = { state: "withheld", reason };
    await closeRun(run);
  }

  async function fail(run: string, reason: JoinReason): Promise<void> {
    const entry = open.get(run);
    const present = await held.get(run);
    if (present !== undefined && !isEnded(present)) {
      if (entry !== undefined) entry.shown = { state: "failed", reason };
      await held.put(run, { ...present, ...moved<JoinReleased>(present, { name: "failed", reason }) });
      await endOnLedger(run, reason);
    }
    for (const inlet of Object.values(entry?.lists ?? {})) inlet.fail(new InletError(`the run has failed: ${reason}`));
    await closeRun(run);
  }

  /** What the ledger has as ended already stays so. */
  async function endOnLedger(run: string, reason: JoinReason): Promise<void> {
    if ((await readJoinEnded(ledger, run)) !== undefined) return;
    await record(ctx.party, "join.end", { run, outcome: "failed", reason }, { run, end: true }).catch(
      (error: unknown) => {
        ctx.services.log.warn(
          { run, code: (error as { code?: string }).code },
          "the end of a join is not on the ledger",
        );
      },
    );
  }

  async function closeRun(run: string): Promise<void> {
    const entry = open.get(run);
    open.delete(run);
    if (entry === undefined) return;
    clearTimeout(entry.idle);
    clearTimeout(entry.life);
    await Promise.all(Object.values(entry.outlets).map((outlet) => outlet.close()));
    await entry.live[Symbol.asyncDispose]();
  }

  async function move(run: string, state: HeldJoin["state"]): Promise<void> {
    const present = (await held.get(run))!;
    await held.put(run, { ...present, ...moved(present, state) });
  }

  async function ofAsker(run: string, author: string): Promise<{ readonly kept: HeldJoin; readonly entry?: Live }> {
    const kept = await held.get(run);
    if (kept === undefined || kept.asker !== author)
      return refuse("ERR_REQUEST_UNKNOWN", run, "not known to this node");
    const entry = open.get(run);
    entry?.idle.refresh();
    return { kept, ...(entry === undefined ? {} : { entry }) };
  }
  const running = async (run: string, author: string): Promise<Live> => {
    const { kept, entry } = await ofAsker(run, author);
    return entry ?? refuse("ERR_REQUEST_TRANSITION", run, `has ended as ${kept.state.name}`);
  };
  const told = async <T>(run: string, work: Promise<T>): Promise<T> =>
    await work.catch((error: unknown) => {
      if (error instanceof InletError) return refuse("ERR_REQUEST_TRANSITION", run, error.message);
      throw error;
    });

  async function view(author: string, run: string): Promise<HolderView> {
    const { kept, entry } = await ofAsker(run, author);
    if (entry !== undefined) return entry.shown;
    const { state, signed } = kept;
    if (state.name === "failed" && signed !== undefined) {
      const ended = await readJoinEnded(ledger, run);
      if (ended?.body.release === digestOf(signed)) {
        await log(run);
        return { state: "released", release: signed };
      }
    }
    return {
      state: state.name,
      ...("reason" in state ? { reason: state.reason } : {}),
      ...("release" in state ? { release: state.release } : {}),
    };
  }

  return Object.freeze({
    /** Throws RequestError. The same run again is answered as it stands. */
    begin: (author: string, run: string, { request, salt }: { readonly request: string; readonly salt: string }) =>
      ctx.shared(`join/${author}/${run}`, async () => {
        if ((await held.get(run)) === undefined) {
          starting.set(run, author);
          await begin(author, run, request, salt).finally(() => starting.delete(run));
        }
        return await view(author, run);
      }),
    view,
    async put(author: string, run: string, list: PutList, index: number, frame: Uint8Array): Promise<number> {
      const { lists } = await running(run, author);
      await told(run, lists[list].push(index, frame));
      return lists[list].taken();
    },
    async get(author: string, run: string, list: GetList, index: number): Promise<Uint8Array> {
      const outlet = (await running(run, author)).outlets[list];
      return outlet === undefined
        ? refuse("ERR_REQUEST_TRANSITION", run, `list ${list}: is not to be had yet`)
        : await told(run, outlet.get(index));
    },
    /** The asker has what it came for. */
    async close(author: string, run: string): Promise<void> {
      const { kept } = await ofAsker(run, author);
      if (isEnded(kept)) await closeRun(run);
      else await fail(run, "abandoned");
    },
    /** Ends what an earlier process left open. */
    async start(): Promise<void> {
      await removeOldRuns(ctx);
      for await (const [run, kept] of held.entries()) if (!isEnded(kept)) await fail(run, "restarted");
    },
    async stop(): Promise<void> {
      await Promise.all([...open.keys()].map(closeRun));
    },
  });
}

async function framesRoot(frames: AsyncIterable<Uint8Array>): Promise<string> {
  const hashes: Uint8Array[] = [];
  for await (const frame of frames) hashes.push(hashLeaf(frame));
  return toBase64url(treeOf(hashes).root);
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
