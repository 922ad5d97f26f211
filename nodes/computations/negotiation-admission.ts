/** What the other side may begin and say, by the ledger: before the table of states is asked at all. */
import { providerOf } from "../../chaincode/rules/rule.ts";
import { dataRequestOf } from "../../exchange/negotiation/data-request.ts";
import type { NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import { type Cause, causeOf } from "../../exchange/protocol/vocabulary.ts";
import { attemptOf } from "../../exchange/requests/agreement-record.ts";
import { isOpenToAgree, SUPERSEDED, type Subject, subjectOf } from "../../exchange/requests/negotiated.ts";
import type { RequestStores } from "../../exchange/requests/ports.ts";
import { mayFinalize } from "../../exchange/requests/verify-agreement.ts";
import { notYet } from "../dataspace/dataspace-error.ts";
import { consumerPorts } from "./consumer.ts";
import type { Context } from "./context.ts";
import type { NegotiationIndex, NegotiationRecord } from "./negotiation-index.ts";

/** How long the other side's word waits for this node's replica to have what it rests on. */
const BEHIND_MS = 2_000;

export type Refused = { readonly code: string; readonly detail: string } | undefined;

export interface AdmissionPorts {
  readonly self: string;
  readonly stores: Pick<RequestStores, "lives">;
  readonly index: Pick<NegotiationIndex, "running">;
  readonly find: (pid: string) => Promise<NegotiationRecord | undefined>;
  /** Says whether this participant may begin with what is about no data request. */
  readonly beside: (peer: string, message: NegotiationMessage, pid: string) => Promise<Refused>;
}

const because = (code: string, detail: string) => ({ code, detail });

/** The requester asks for what its request on the ledger names, says which, and asks once at a time. Changes nothing. */
export async function admits(
  ports: AdmissionPorts,
  peer: string,
  message: NegotiationMessage,
  pid: string,
): Promise<Refused> {
  const reference = message["@type"] === "ContractRequestMessage" ? dataRequestOf(message.offer) : undefined;
  if (reference === undefined || message["@type"] !== "ContractRequestMessage")
    return await ports.beside(peer, message, pid);
  const life = (await ports.stores.lives.get(reference.request))?.life;
  if (life === undefined || life.name === "draft") throw notYet(`request ${reference.request}: not on the ledger here`);
  const { target } = message.offer;
  if (life.requester !== peer) return because("data-request-mismatch", `request ${life.id}: not filed by ${peer}`);
  if (life.digest !== reference.digest) {
    return because("data-request-mismatch", `request ${life.id}: the ledger has another digest of it`);
  }
  if (providerOf(target) !== ports.self || !(target in life.assets)) {
    return because("asset-not-in-request", `request ${life.id}: names no asset ${target} of ${ports.self}`);
  }
  if (!isOpenToAgree(life)) return because("request-over", `request ${life.id}: already ${life.name}`);
  return await onlyOne(ports, { request: life.id, asset: target }, message.consumerPid);
}

/**
 * One negotiation runs on an asset for a request. Attempts are numbered by their ids, and a requester begins the next
 * one only after the one before is over for it. Any other second one is refused.
 */
async function onlyOne(ports: AdmissionPorts, about: Subject, consumerPid: string): Promise<Refused> {
  const running = await runningBeside(ports, about, consumerPid);
  if (running === undefined) return undefined;
  const before = running.document.consumerPid;
  const [earlier, later] = [before, consumerPid].map((pid) => attemptOf(about.request, about.asset, pid));
  if (earlier !== undefined && later !== undefined && later > earlier) return undefined;
  return because("negotiation-running", `consumerPid ${before}: wait until it is over, or go on with it`);
}

/** A requester that begins its next attempt has shown that the one before is over: then it is over here too. */
export async function makesRoom(
  ports: AdmissionPorts & {
    /** Over for this side, without a message. */
    readonly end: (pid: string, cause: Cause) => Promise<void>;
  },
  message: NegotiationMessage,
): Promise<void> {
  const reference = message["@type"] === "ContractRequestMessage" ? dataRequestOf(message.offer) : undefined;
  if (reference === undefined || message["@type"] !== "ContractRequestMessage") return;
  const about = { request: reference.request, asset: message.offer.target };
  const running = await runningBeside(ports, about, message.consumerPid);
  if (running !== undefined) await ports.end(running.pid, causeOf(SUPERSEDED, `by ${message.consumerPid}`));
}

async function runningBeside({ index, find }: AdmissionPorts, about: Subject, consumerPid: string) {
  const pid = index.running("provider", about);
  const document = pid === undefined ? undefined : (await find(pid))?.side.document;
  return pid === undefined || document === undefined || document.consumerPid === consumerPid
    ? undefined
    : { pid, document };
}

/** FINALIZED rests on the ledger, which this node may have a moment later. */
export async function mayTake(
  ctx: Context,
  { side }: NegotiationRecord,
  message: NegotiationMessage,
): Promise<Refused> {
  const { document } = side;
  const isFinal = message["@type"] === "ContractNegotiationEventMessage" && message.eventType === "FINALIZED";
  const isAwaited = document?.state === "AGREED" || document?.state === "VERIFIED";
  const subject = document && subjectOf(document);
  if (!isFinal || side.role !== "consumer" || subject === undefined || !isAwaited) return undefined;
  const ports = consumerPorts(ctx);
  let word = await mayFinalize(ports, document);
  if (word === "not-yet") {
    await ctx.moved.wait(subject.request, BEHIND_MS);
    word = await mayFinalize(ports, document);
  }
  if (word === "yes") return undefined;
  if (word === "not-yet") throw notYet("the agreement is not on the ledger here");
  return because("agreement-not-on-ledger", "the ledger does not have what was verified");
}
