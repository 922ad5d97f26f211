/** A provider in a computation: polls its coordinator, computes at home, sends only what is masked. Outbound only. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ComputationOpened } from "../../chaincode/rules/records.ts";
import { parametersNamed } from "../../crypto/he/parameters.ts";
import { chunksOf } from "../../crypto/secagg/cut.ts";
import { type MemberState, startMember, stepMember } from "../../crypto/secagg/member.ts";
import { checkMessage, type Message } from "../../crypto/secagg/messages.ts";
import type { MemberEffect, MemberInput, Step } from "../../crypto/secagg/step.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { isForbiddenByHistory } from "../../exchange/computations/history-check.ts";
import { drawNoise, type NoisePlan, withNoise } from "../../exchange/computations/privacy.ts";
import type { ReviewReason } from "../../exchange/computations/review.ts";
import { record } from "../../exchange/requests/record.ts";
import { atomCodes, type Layout, selectIncluded } from "../../exchange/statistics/layout.ts";
import { type LocalStatistics, localStatistics } from "../../exchange/statistics/local.ts";
import { LedgerError } from "../../ledger/port.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import { chunkPart } from "./chunk-upload.ts";
import type { Context } from "./context.ts";
import { createCoordinatorLine, isRefused } from "./coordinator-line.ts";
import { type HostedRole, hostRole } from "./hosted-role.ts";
import { knownRequest } from "./known-request.ts";
import { reviewWithLedger } from "./opening-review.ts";
import { Accepted, paths } from "./peer-messages.ts";
import { untilDone } from "./retry.ts";
import { askWitnesses } from "./witness.ts";

const LAST_WORDS_MS = 10_000;

interface Prepared {
  readonly layout: Layout;
  readonly local: LocalStatistics;
  readonly noise?: Noise;
  /** R's, base64url, where the opening names a homomorphic envelope. */
  readonly homomorphicKey?: string;
}

/** What is kept on disk of it. */
type KeptLayout = Omit<Prepared, "local" | "noise"> & { readonly noise?: NoisePlan };

interface Noise {
  readonly plan: NoisePlan;
  /** In steps; never the same twice. */
  readonly drawn: Int32Array;
}

type Refusal = ReviewReason | "history" | "history-unknown" | "source-unavailable" | "value-missing";

export async function runMember(ctx: Context, opened: ComputationOpened): Promise<HostedRole<MemberInput>> {
  const { body } = opened;
  const self = ctx.services.member;
  const own = body.cohort.find((entry) => entry.member === self)!;
  const asset = await ctx.assets.get(own.asset);
  const policy = asset?.policy === undefined ? undefined : parsePolicy(asset.policy);
  const parties = await ctx.facts.parties(opened, policy?.ok === true && policy.terms.coordinatorMayBeSequencer);
  const { releases } = ctx;
  await releases.load();
  const isRestart = (await ctx.stores.roles.get(`${body.computation}/member`)) !== undefined;
  const line = createCoordinatorLine(ctx, body);
  let prepared: Prepared | undefined;
  /** Chunks on their way from an `encrypt` effect to the worker. */
  const masked = new Map<number, BigUint64Array>();
  if (body.envelope !== undefined) ctx.encryptor.warm();

  const { role, resumed } = await hostRole<MemberState, MemberInput, MemberEffect>(ctx, {
    role: "member",
    computation: body.computation,
    start: () => startMember({ self, opened: body, parties }),
    step(state, input) {
      const { sign, clock } = ctx;
      const history = releases.entries();
      const next = stepMember(state, input, { now: clock(), sign, random: ctx.services.random, history });
      // At once: another computation of this node may come to its own view before this one is on disk.
      for (const effect of next.effects) if (effect.kind === "history") releases.remember(effect.entry);
      return next;
    },
    isFirst: ({ kind }) => kind === "history" || kind === "keep",
    mayBeLost: comesAgain,
    send: ({ to, message }, hosted) =>
      to === body.coordinator ? line.send(message) : hosted.background(() => tell(to, message, hosted.signal)),
    async perform(effect, hosted) {
      switch (effect.kind) {
        case "history":
          return await releases.keep(effect.entry);
        case "keep": {
          const part = chunkPart(effect.phase, effect.index);
          return await ctx.services.inflight.putPart(`${body.computation}-member`, part, effect.words);
        }
        case "review":
          return background(hosted, { kind: "refuse", reason: "source-unavailable" }, () => review(effect));
        case "compute-counts":
          return background(hosted, { kind: "abstain" }, async () => {
            const { local } = await prepare();
            await logAccess("phase-1");
            return countsOf(local);
          });
        case "compute-values":
          return background(hosted, { kind: "abstain" }, async () => {
            const { layout, local, noise, homomorphicKey } = await prepare();
            await logAccess("phase-2");
            const inputs = { opened: body, layout, parties };
            const values =
              noise === undefined
                ? local.values
                : withNoise(local.values, { ...inputs, plan: noise.plan }, self, noise.drawn);
            const words = includedWords(layout, values, effect.included);
            // Nothing but the chunks is needed from here on; after a crash the source is asked again.
            prepared = undefined;
            if (homomorphicKey === undefined) return await inChunks(words, effect.chunkWords, hosted);
            return await inSealedChunks(words, effect.chunkWords, fromBase64url(homomorphicKey, "key"), hosted);
          });
        case "encrypt":
          masked.set(effect.index, effect.words);
          return;
        case "submit":
          hosted.background(() => submitOmitted(effect.body));
          return;
        case "wake":
          return hosted.wakeAt(effect.at);
        case "erase":
          // A refusal is the last word of a role that is over: without it everyone waits for the deadline.
          return hosted.background(async () => {
            await Promise.race([
              line.lastWord(),
              sleep(LAST_WORDS_MS, undefined, { signal: hosted.signal, ref: false }),
            ]);
            await hosted.finish();
          });
      }
    },
  });

  /** Works outside the step and feeds its answer; a failure that no repetition mends is fed as `otherwise`. */
  function background(hosted: HostedRole<MemberInput>, otherwise: MemberInput, work: () => Promise<MemberInput>): void {
    work()
      .then((answer) => hosted.feed(answer))
      .catch((error: unknown) => {
        if (hosted.signal.aborted) return;
        ctx.services.log.error({ err: error, computation: body.computation }, "member work failed");
        hosted.poke(otherwise);
      });
  }

  /** All chunks but the last are fed here, each masked and put away before the next one. */
  async function inChunks(
    vector: BigUint64Array,
    chunkWords: number,
    hosted: HostedRole<MemberInput>,
  ): Promise<MemberInput> {
    const chunks = chunksOf(vector, { words: vector.length, chunkWords });
    const input = (words: BigUint64Array, index: number): MemberInput => ({ kind: "values", index, words });
    for (const [index, words] of chunks.slice(0, -1).entries()) await hosted.feed(input(words, index));
    return input(chunks.at(-1)!, chunks.length - 1);
  }

  /** As above, and each chunk encrypted in between. */
  async function inSealedChunks(
    vector: BigUint64Array,
    chunkWords: number,
    publicKey: Uint8Array,
    hosted: HostedRole<MemberInput>,
  ): Promise<MemberInput> {
    const set = parametersNamed(body.envelope!.parameters);
    const chunks = chunksOf(vector, { words: vector.length, chunkWords });
    for (const [index, words] of chunks.entries()) {
      await hosted.feed({ kind: "values", index, words });
      const bytes = await ctx.encryptor.encrypt(set, publicKey, masked.get(index)!);
      masked.delete(index);
      if (index === chunks.length - 1) return { kind: "encrypted", index, bytes };
      await hosted.feed({ kind: "encrypted", index, bytes });
    }
    throw new TypeError(`computation ${body.computation}: a vector has at least one chunk`);
  }

  /** Phase 1 says 0 or 1 per atom, and at most the weight of this unit kind. */
  function countsOf(local: LocalStatistics): MemberInput {
    const kind = asset?.asset.unit.kind;
    const weight = kind === "provider" ? 1 : body.constants.minimumUnits;
    const present = [...local.contributes];
    return {
      kind: "counts",
      present,
      units: present.map((one, atom) => (one === 0 ? 0 : Math.min(local.units[atom] ?? 0, weight))),
    };
  }

  async function review(documents: Extract<MemberEffect, { kind: "review" }>): Promise<MemberInput> {
    const refuse = (reason: Refusal): MemberInput => ({ kind: "refuse", reason });
    const request = await knownRequest(ctx, body.request);
    const verdict = await reviewWithLedger(ctx, opened, documents, request);
    if (!verdict.ok) {
      ctx.services.log.warn({ computation: body.computation, ...verdict }, "refused to take part");
      return refuse(verdict.reason);
    }
    if (!(await ctx.facts.agreementStands(own.agreement, ctx.services.now()))) return refuse("agreement-missing");
    if ((await ctx.forgotten.of(own.asset)) !== undefined) return refuse("history-unknown");
    if (isForbiddenByHistory(releases.entries(), { opened: body, parties, layout: verdict.vector }))
      return refuse("history");
    const { homomorphicKey } = documents;
    const kept: KeptLayout = {
      layout: verdict.layout,
      ...(homomorphicKey === undefined ? {} : { homomorphicKey: toBase64url(homomorphicKey) }),
      ...(verdict.noise === undefined ? {} : { noise: verdict.noise }),
    };
    await ctx.services.inflight.put(`${body.computation}-layout`, kept);
    prepared = await preparedFrom(kept);
    if (body.cells.mode === "registry" && !fillsOwnCells(prepared)) return refuse("value-missing");
    return { kind: "reviewed", layout: verdict.vector };
  }

  /** After a restart the layout is in the in-flight documents no more, so it is compiled from what C relays again. */
  async function prepare(): Promise<Prepared> {
    if (prepared !== undefined) return prepared;
    const kept = await ctx.services.inflight.get<KeptLayout>(`${body.computation}-layout`);
    if (kept === undefined) throw new TypeError(`computation ${body.computation}: the reviewed layout is gone`);
    prepared = await preparedFrom(kept);
    return prepared;
  }

  /** Noise is drawn before the table is read: nobody waits for it later, and its time tells nothing of the data. */
  async function preparedFrom({ noise: plan, ...kept }: KeptLayout): Promise<Prepared> {
    const inputs = { opened: body, layout: kept.layout, parties };
    const noise = plan && { plan, drawn: drawNoise({ ...inputs, plan }, self, ctx.services.random) };
    return { ...kept, ...(noise === undefined ? {} : { noise }), local: await compute(kept.layout) };
  }

  async function compute(layout: Layout): Promise<LocalStatistics> {
    const held = await ctx.assets.get(own.asset);
    if (held === undefined) throw new TypeError(`${own.asset}: not held by this node`);
    const startedAt = performance.now();
    const local = await localStatistics(
      layout,
      held.asset,
      parties.attributes[self] ?? {},
      (...query) => ctx.assets.read(own.asset, ...query),
      { key: body.computation, random: ctx.services.random },
    );
    ctx.gauges.time(body.computation, "member/source", performance.now() - startedAt);
    return local;
  }

  /** Repeated with the same bytes until it is taken, or until the role ends. */
  async function tell(to: string, message: Message, signal: AbortSignal): Promise<void> {
    const { members, peers } = ctx.services;
    const path = paths.messages(body.computation);
    const call = { method: "POST", path, body: message, response: Accepted, signal } as const;
    await untilDone(async () => peers.call(await members.target(to), call), { signal, isFinal: isRefused });
  }

  /** Registry mode: the value was declared present in every cell of this organisation. */
  function fillsOwnCells({ layout, local }: Prepared): boolean {
    const attributes = parties.attributes[self] ?? {};
    for (let atom = 0; atom < layout.atoms; atom++) {
      const codes = atomCodes(layout, atom);
      const isOwn = layout.domains.every(
        (domain, index) => domain.kind === "element" || attributes[domain.name] === codes[index],
      );
      if (isOwn && local.contributes[atom] !== 1) return false;
    }
    return true;
  }

  /** Who, what, for which request: on disk before the contribution leaves. */
  const logAccess = (phase: string) =>
    ctx.services.accessLog.append({
      actor: opened.requester,
      action: `computation ${phase} request ${body.request}`,
      target: `${own.asset}#${own.assetVersion} computation ${body.computation}`,
      outcome: "contributed",
    });

  async function submitOmitted(omitted: unknown): Promise<void> {
    const statement = omitted as Parameters<typeof record<"computation.omitted">>[2];
    const about = { computation: body.computation, phase: statement.phase };
    const submit = () => record(ctx.party, "computation.omitted", statement, about);
    await untilDone(submit, { signal: role.signal, isFinal: isRejected }).catch((error: unknown) =>
      ctx.services.log.error({ err: error, ...about }, "the omission could not be recorded"),
    );
  }

  role.signal.addEventListener("abort", () => role.background(() => forgetLayout(ctx, body.computation)));
  if (isRestart) await askWitnesses(ctx, opened, role);
  if (resumed) role.poke({ kind: "resume" });
  role.background(() => line.run(role.signal, (value) => take(ctx, role, body.coordinator, value)));
  return role;
}

/** The whole vector where nothing is left out. */
function includedWords(layout: Layout, values: BigUint64Array, included: readonly number[]): BigUint64Array {
  if (included.length === layout.atoms) return values;
  const inside = new Set(included);
  return selectIncluded(
    layout,
    values,
    Array.from({ length: layout.atoms }, (_, atom) => inside.has(atom)),
  );
}

const ASKED_AGAIN: readonly string[] = ["review", "compute-counts", "compute-values", "wake"];

/**
 * Records are replayed from the ledger and messages from the coordinator's mailbox, so what only waits for more need
 * not be on disk. Receipts are proof against the coordinator: it need not show them twice.
 */
function comesAgain(input: MemberInput, { send, effects }: Step<MemberState, MemberEffect>): boolean {
  // Masked chunks before the last one: nothing of them has left, and they are made anew from the first one on.
  if (input.kind === "values" || input.kind === "encrypted") return send.length === 0;
  const isReplayed =
    input.kind === "ledger" || (input.kind === "message" && !input.message.type.startsWith("receipt-"));
  return isReplayed && send.length === 0 && effects.every(({ kind }) => ASKED_AGAIN.includes(kind));
}

const isRejected = (error: unknown) => error instanceof LedgerError && error.code === "ERR_LEDGER_REJECTED";

async function forgetLayout(ctx: Context, computation: string): Promise<void> {
  const state = await ctx.stores.roles.get(`${computation}/member`);
  if (state?.state === "over") await ctx.services.inflight.erase(`${computation}-layout`);
}

async function take(ctx: Context, role: HostedRole<MemberInput>, from: string, value: unknown): Promise<void> {
  try {
    await role.feed({ kind: "message", from, message: checkMessage(value) });
  } catch (error) {
    ctx.services.log.warn({ err: error, from }, "message of the coordinator refused");
  }
}
