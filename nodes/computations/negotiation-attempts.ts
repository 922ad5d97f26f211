/** Requester: asks the provider of each asset, and asks anew where an attempt came to nothing. */
import { providerOf } from "../../chaincode/rules/rule.ts";
import { offerOf } from "../../exchange/negotiation/agreement.ts";
import { firstRequest } from "../../exchange/negotiation/compose.ts";
import { openOffer, withDataRequest } from "../../exchange/negotiation/data-request.ts";
import type { MessageOffer, NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { joined } from "../../exchange/protocol/paths.ts";
import { attemptOf, consumerPidOf, MAX_ATTEMPTS } from "../../exchange/requests/agreement-record.ts";
import type { KnownLife } from "../../exchange/requests/decide-request.ts";
import { asksAgainAt } from "../../exchange/requests/negotiated.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { Processes } from "../dataspace/process-ports.ts";
import type { Timers } from "../dataspace/timers.ts";
import { indexKey, type NegotiationIndex } from "./negotiation-index.ts";

/** How long filing the offers of a request waits for an entry of the catalogue. */
const ENTRY_WAIT_MS = 2_000;

export interface AttemptPorts {
  readonly engine: Pick<Processes<Negotiation, NegotiationMessage>, "begin" | "find">;
  readonly index: Pick<NegotiationIndex, "running" | "latest" | "note">;
  readonly timers: Pick<Timers, "isAhead" | "at">;
  /** Base address of this member; a URN where it takes no calls. */
  readonly base: string;
  readonly addressOf: (member: string) => Promise<string>;
  /** The provider's own offer, where the catalogue has it. */
  readonly offer: (asset: string) => Promise<Policy>;
  /** It is time to ask again. */
  readonly poke: (request: string) => void;
}

/** Begins the first negotiation on an asset, or the next one. Safe to repeat at any point. */
export async function askFor(ports: AttemptPorts, life: KnownLife, asset: string): Promise<void> {
  const about = { request: life.id, asset };
  if (ports.index.running("consumer", about) !== undefined) return;
  // Earlier ones are over, and may be forgotten.
  const latest = await ports.index.latest("consumer", about);
  const from = latest === undefined ? 0 : (attemptOf(life.id, asset, latest) ?? 0);
  for (let attempt = from; attempt < MAX_ATTEMPTS; attempt += 1) {
    const pid = consumerPidOf(life.id, asset, attempt);
    const before = await ports.engine.find(pid);
    if (before === undefined) {
      const peer = providerOf(asset);
      const message = firstRequest(pid, await offerFor(ports, life, asset), ports.base);
      await ports.index.note("consumer", about, pid);
      return await ports.engine.begin({ pid, peer, address: await ports.addressOf(peer), message });
    }
    const at = asksAgainAt(before.side.document, before.refusal, attempt);
    if (at === undefined) return;
    // Only the latest one's pause can be ahead.
    const due = new Date(at).toISOString();
    const key = indexKey("consumer", about);
    if (ports.timers.isAhead(due)) return ports.timers.at(key, due, () => ports.poke(life.id));
  }
}

async function offerFor(ports: AttemptPorts, life: KnownLife, asset: string): Promise<MessageOffer> {
  const { base } = ports;
  const address = base.startsWith("urn:") ? `urn:sealane:request:${life.id}` : joined(base, "requests", life.id);
  const reference = { "@id": address, request: life.id, digest: life.digest };
  const policy = await withinMs(ports.offer(asset), ENTRY_WAIT_MS);
  return policy === undefined ? openOffer(asset, reference) : withDataRequest(offerOf(policy), reference);
}

/** Undefined where it does not come in time, or not at all. */
async function withinMs<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  return await Promise.race([work.catch(() => undefined), promise]).finally(() => clearTimeout(timer));
}
