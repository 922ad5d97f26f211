/** Provider: pull, verify, decide, record. Every decision carries the policy version and a salted explanation. */
import { saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { LedgerError } from "../../ledger/port.ts";
import { decide } from "../../policies/engine/decide.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { DecisionContext, MemberFacts } from "../../policies/model/context.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import { costFor } from "../../policies/privacy/accountant.ts";
import { QUANTITIES } from "../statistics/units.ts";
import { RequestError } from "./errors.ts";
import type { RequestLife } from "./life.ts";
import { allowedMoves } from "./life.ts";
import type { Directory, Explanation, Party, RequestDocument, RequestStores } from "./ports.ts";
import { verifyDocument } from "./pull.ts";
import { recordTogether, type ToRecord } from "./record.ts";

export interface OwnAsset {
  readonly asset: Asset;
  /** Undefined: nobody has access. */
  readonly policy: Policy | undefined;
}

export interface ProviderPorts extends Party {
  readonly directory: Directory;
  readonly stores: RequestStores;
  readonly ownAsset: (id: string) => Promise<OwnAsset | undefined>;
  /** The requester's answer, unchecked. Throws ERR_REQUEST_UNREACHABLE when it cannot be had now. */
  readonly fetchDocument: (life: KnownLife) => Promise<unknown>;
  /** Computations that already count against the use limit of this asset's policy. */
  readonly usesSoFar: (asset: string) => Promise<number>;
  /** Last instant to appeal against a refusal of then. */
  readonly appealEnd: (refusedAt: string) => string;
}

export type KnownLife = Exclude<RequestLife, { name: "draft" }>;

/** What a steward says about a waiting request. */
export interface StewardVerdict {
  readonly outcome: "approved" | "refused";
  /** Operator identity, for example `alpha/steward`. */
  readonly by: string;
  /** Reason code; a refusal has one. */
  readonly reason?: string;
}

/** Assets of this node that the request names and nobody has decided on yet. */
export const undecidedAssets = (life: RequestLife, self: string): readonly string[] =>
  life.name === "submitted" || life.name === "agreed"
    ? Object.entries(life.assets)
        .filter(([asset, decision]) => asset.startsWith(`${self}:`) && decision.outcome === "pending")
        .map(([asset]) => asset)
    : [];

/** The verified document of a request, pulled once and kept. Throws RequestError. */
export async function documentOf(ports: ProviderPorts, id: string): Promise<RequestDocument> {
  const [kept, known] = await Promise.all([ports.stores.documents.get(id), ports.stores.lives.get(id)]);
  if (kept !== undefined) return kept;
  if (known === undefined || known.life.name === "draft") {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: not on this node's ledger replica`);
  }
  const document = await verifyDocument(known.life, await ports.fetchDocument(known.life), ports.directory);
  await ports.stores.documents.put(id, document);
  return document;
}

/** Decides on one own asset, or repeats the record of a decision made before a crash. */
export async function decideRequest(
  ports: ProviderPorts,
  id: string,
  asset: string,
  steward?: StewardVerdict,
): Promise<Explanation> {
  const made = await decisionOn(ports, id, asset, steward);
  await recordDecision(ports, id, made);
  return made.explanation;
}

/** A decision that is on disk, with its ledger record. */
export interface MadeDecision {
  readonly explanation: Explanation;
  readonly record: ToRecord<"decision.record">;
  readonly stage: Stage;
}
type Stage = "first" | "steward";

/** The decision on one own asset: on disk when it resolves, and the same one from then on. */
export async function decisionOn(
  ports: ProviderPorts,
  id: string,
  asset: string,
  steward?: StewardVerdict,
): Promise<MadeDecision> {
  const stage = steward === undefined ? "first" : "steward";
  const key = explanationKey(id, asset, stage);
  const kept = await ports.stores.explanations.get(key);
  const explanation = kept ?? (await explain(ports, id, asset, steward));
  if (kept === undefined) await ports.stores.explanations.put(key, explanation);
  const about = { request: id, asset, stage };
  return { explanation, record: { type: "decision.record", body: decisionBody(id, explanation), about }, stage };
}

/** With what rests on it, if anything does. What can never be recorded is forgotten: the next try decides anew. */
export async function recordDecision(
  ports: ProviderPorts,
  id: string,
  { explanation: { asset }, record, stage }: MadeDecision,
  resting: readonly ToRecord[] = [],
): Promise<void> {
  try {
    await recordTogether(ports, [record, ...resting]);
  } catch (error) {
    if (!isOfOldPolicy(error)) throw error;
    await ports.stores.explanations.delete(explanationKey(id, asset, stage));
    const detail = "the policy was replaced while it was decided; try again";
    throw new RequestError("ERR_REQUEST_UNREACHABLE", `request ${id}: ${asset}: ${detail}`, { cause: error });
  }
}

const isOfOldPolicy = (error: unknown): boolean =>
  error instanceof LedgerError && error.rejection?.code === "ERR_CONTRACT_POLICY";

/**
 * The steward's word on a request that waits for a person. Throws ERR_REQUEST_NOT_WAITING, ERR_REQUEST_TRANSITION
 * where the request takes no decisions any more, or ERR_REQUEST_INVALID for a refusal without a reason.
 */
export async function approveRequest(
  ports: ProviderPorts,
  id: string,
  asset: string,
  verdict: StewardVerdict,
): Promise<Explanation> {
  const known = await ports.stores.lives.get(id);
  if (known === undefined || known.life.name === "draft") {
    throw new RequestError("ERR_REQUEST_UNKNOWN", `request ${id}: not known to this node`);
  }
  const outcome = known.life.assets[asset]?.outcome;
  if (!asset.startsWith(`${ports.identity.member}:`)) {
    throw new RequestError("ERR_REQUEST_FORBIDDEN", `${asset}: only its provider decides`, {
      problems: [{ field: "asset", code: "provider-decides", parameters: { asset } }],
    });
  }
  const state = known.life.name;
  if (!allowedMoves(state).includes("decision.record")) {
    throw new RequestError("ERR_REQUEST_TRANSITION", `request ${id}: already ${state}`, {
      problems: [{ field: "request", code: "request-over", parameters: { state } }],
    });
  }
  if (outcome === undefined) {
    throw new RequestError("ERR_REQUEST_NOT_WAITING", `request ${id}: ${asset} is not part of this request`, {
      problems: [{ field: "asset", code: "not-in-request", parameters: { asset } }],
    });
  }
  if (outcome !== "wait") {
    throw new RequestError("ERR_REQUEST_NOT_WAITING", `request ${id}: ${asset} does not wait for a person`, {
      problems: [{ field: "asset", code: "not-waiting", parameters: { asset, outcome } }],
    });
  }
  if (verdict.outcome === "refused" && verdict.reason === undefined) {
    throw new RequestError("ERR_REQUEST_INVALID", `request ${id}: a refusal has a reason`, {
      problems: [{ field: "reason", code: "missing" }],
    });
  }
  await refuseSecondThought(ports, id, asset, verdict);
  return await decideRequest(ports, id, asset, verdict);
}

/** A decision that was made and is not on the ledger yet will be: another one now would be shown and never hold. */
async function refuseSecondThought(
  ports: ProviderPorts,
  id: string,
  asset: string,
  { outcome }: StewardVerdict,
): Promise<void> {
  const made = await ports.stores.explanations.get(explanationKey(id, asset, "steward"));
  if (made === undefined || (made.outcome === "permit") === (outcome === "approved")) return;
  throw new RequestError("ERR_REQUEST_TRANSITION", `request ${id}: ${asset}: ${made.outcome} was decided already`, {
    problems: [{ field: "outcome", code: "decided-already", parameters: { asset, outcome: made.outcome } }],
  });
}

/** The explanation behind the latest decision on an asset. */
export const latestExplanation = async (
  stores: Pick<RequestStores, "explanations">,
  id: string,
  asset: string,
): Promise<Explanation | undefined> =>
  (await stores.explanations.get(explanationKey(id, asset, "steward"))) ??
  (await stores.explanations.get(explanationKey(id, asset, "first")));

export const explanationKey = (id: string, asset: string, stage: Stage): string => `${id}/${asset}/${stage}`;

async function explain(
  ports: ProviderPorts,
  id: string,
  asset: string,
  steward: StewardVerdict | undefined,
): Promise<Explanation> {
  const registered = await ports.directory.asset(asset);
  if (registered === undefined) throw new RequestError("ERR_REQUEST_UNKNOWN", `${asset}: not on the ledger`);
  const own = await ports.ownAsset(asset);
  const decision = await judge(ports, id, own, steward);
  return {
    salt: toBase64url(ports.random(32)),
    asset,
    outcome: decision.outcome,
    reasons: decision.reasons,
    policyDigest: registered.policyDigest,
    policyVersion: registered.policyVersion,
    ...(steward === undefined ? {} : { decidedBy: steward.by }),
    at: ports.now(),
    verdicts: decision.verdicts,
  };
}

interface Judgement {
  readonly outcome: Explanation["outcome"];
  readonly reasons: readonly string[];
  readonly verdicts: readonly unknown[];
}

const refusal = (reason: string): Judgement => ({
  outcome: "refuse",
  reasons: [reason],
  verdicts: [{ rule: reason, verdict: "refuse", reason, compared: {} }],
});

async function judge(
  ports: ProviderPorts,
  id: string,
  own: OwnAsset | undefined,
  steward: StewardVerdict | undefined,
): Promise<Judgement> {
  if (own === undefined) return refusal("asset-not-held");
  let document: RequestDocument;
  try {
    document = await documentOf(ports, id);
  } catch (error) {
    if (error instanceof RequestError && error.code === "ERR_REQUEST_INVALID")
      return refusal("request-document-invalid");
    throw error;
  }
  const request = document.document.statement;
  const decision = decide(own.policy, request, own.asset, await decisionContext(ports, request, own, steward));
  if (steward?.outcome !== "refused" || decision.outcome !== "refuse") return decision;
  return steward.reason === undefined ? decision : { ...decision, reasons: [steward.reason] };
}

/** What this node knows about a request when it decides. Throws RequestError where it is no active member itself. */
/** For a policy that is not in force: the budget that its asset would get with it, where it has none yet. */
export function withBudgetOf<D extends Pick<Directory, "privacyLeft">>(directory: D, policy: Policy | undefined): D {
  const parsed = parsePolicy(policy);
  const wanted = parsed.ok ? parsed.terms.privacy : undefined;
  if (wanted === undefined) return directory;
  const whole = costFor(Number(wanted.budget), Number(wanted.delta));
  return { ...directory, privacyLeft: async (asset: string) => (await directory.privacyLeft(asset)) ?? whole };
}

export async function decisionContext(
  ports: Pick<ProviderPorts, "appealEnd" | "directory" | "now" | "usesSoFar"> & {
    readonly identity: { readonly member: string };
  },
  request: DataRequest,
  { asset, policy }: OwnAsset,
  steward: Pick<StewardVerdict, "outcome" | "by"> | undefined,
): Promise<DecisionContext> {
  const facts = async (id: string): Promise<MemberFacts | undefined> => {
    const member = await ports.directory.member(id);
    if (member?.active !== true) return undefined;
    const { holdingGroup, attributes } = member;
    return { id: member.id, kind: member.kind as MemberFacts["kind"], holdingGroup, attributes: { ...attributes } };
  };
  const own = await facts(ports.identity.member);
  if (own === undefined) throw new RequestError("ERR_REQUEST_FORBIDDEN", "this node is not an active member");
  const [requester, receiver, coordinator, sequencer] = await Promise.all([
    facts(request.requester),
    facts(request.receiver),
    facts(request.coordinator),
    ports.directory.sequencer().then(facts),
  ]);
  const terms = policy === undefined ? undefined : parsePolicy(policy);
  const limits = terms?.ok === true ? terms.terms : undefined;
  const privacyLeft = await ports.directory.privacyLeft(asset.id);
  const appealed = request.appeal === undefined ? undefined : await appealedBy(ports, request, request.appeal);
  return {
    provider: own,
    ...(requester === undefined ? {} : { requester }),
    ...(receiver === undefined ? {} : { receiver }),
    ...(coordinator === undefined ? {} : { coordinator }),
    ...(sequencer === undefined ? {} : { sequencer }),
    now: ports.now(),
    usesSoFar: limits?.uses === undefined ? 0 : await ports.usesSoFar(asset.id),
    ...(privacyLeft === undefined ? {} : { privacyLeft }),
    ...(appealed === undefined ? {} : { appealed }),
    attributes: Object.fromEntries(
      Object.entries(await ports.directory.attributes()).map(([name, values]) => [name, [...values]]),
    ),
    quantities: { ...QUANTITIES },
    ...(steward === undefined ? {} : { approval: { outcome: steward.outcome, by: steward.by, at: ports.now() } }),
  };
}

/** What the ledger says of the request that this one appeals for. An appeal that is not filed yet is taken as filed now. */
async function appealedBy(
  { directory, now, appealEnd }: Pick<ProviderPorts, "appealEnd" | "directory" | "now">,
  { id }: DataRequest,
  { request }: NonNullable<DataRequest["appeal"]>,
): Promise<DecisionContext["appealed"]> {
  const [earlier, filed] = await Promise.all([directory.request(request), directory.request(id)]);
  if (earlier === undefined) return undefined;
  const { requester, refusedAt } = earlier;
  const until = refusedAt === undefined ? {} : { until: appealEnd(refusedAt) };
  return { requester, filedAt: filed?.filedAt ?? now(), ...until };
}

/** What the salted digest of a decision covers. */
export const explanationDocument = ({ salt: _salt, ...document }: Explanation) => document;

const decisionBody = (request: string, explanation: Explanation) => ({
  request,
  asset: explanation.asset,
  outcome: explanation.outcome,
  reasons: explanation.reasons.slice(0, 64) as string[],
  policyDigest: explanation.policyDigest,
  policyVersion: explanation.policyVersion,
  explanationDigest: saltedDigest(fromBase64url(explanation.salt, "salt", 32), explanationDocument(explanation)),
  ...(explanation.decidedBy === undefined ? {} : { decidedBy: explanation.decidedBy }),
});
