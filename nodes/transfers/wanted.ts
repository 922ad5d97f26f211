/**
 * What this node wants of others: records of an asset. An agreement that stands is used again; else one is negotiated
 * first. Everything that happens is a function of what lies on disk, so a crash only asks again.
 */
import { randomUUID } from "node:crypto";
import { readAsset } from "../../chaincode/rules/keys.ts";
import { canonicalJson } from "../../crypto/suites/digest.ts";
import { firstRequest } from "../../exchange/negotiation/compose.ts";
import type { MessageOffer, NegotiationMessage } from "../../exchange/negotiation/messages.ts";
import type { Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { joined } from "../../exchange/protocol/paths.ts";
import { uuidOf } from "../../exchange/requests/record.ts";
import { transferRequest } from "../../exchange/transfers/compose.ts";
import { completed, type Declaration, declaringOffer } from "../../exchange/transfers/declaration.ts";
import { PUSH } from "../../exchange/transfers/formats.ts";
import type { DataAddress, TransferMessage } from "../../exchange/transfers/messages.ts";
import { termsOfPolicy } from "../../exchange/transfers/release-agreement.ts";
import type { Transfer } from "../../exchange/transfers/transfer.ts";
import type { ReleaseFormat } from "../../policies/model/operands.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";
import { createKeyedQueue } from "../computations/keyed-queue.ts";
import type { DataspaceClient } from "../dataspace/client.ts";
import type { Processes } from "../dataspace/process-ports.ts";
import type { NodeServices } from "../runtime/services.ts";
import type { RecordStore } from "../store/records.ts";
import { agreementUuid, type KeptAgreement, standingOf } from "./agreements.ts";
import { TransferError } from "./transfer-error.ts";

export interface Wanted {
  /** Also the consumerPid of the transfer. */
  readonly id: string;
  readonly provider: string;
  readonly asset: string;
  readonly format: ReleaseFormat;
  readonly declaration: Declaration;
  readonly offer: MessageOffer;
  /** Pid of the negotiation; absent where an agreement stood already. */
  readonly negotiation?: string;
  /** UUID. */
  readonly agreement?: string;
  /** Code of why no transfer begins, though the negotiation was finalized. */
  readonly refusal?: string;
  readonly at: string;
}

/** A replica that is behind catches up; what is not on the ledger after so long is no agreement. */
const RECORDED_MS = 24 * 60 * 60_000;

export interface Want {
  readonly asset: string;
  readonly format: ReleaseFormat;
  readonly declared: Partial<Declaration>;
}

export interface WantedDeps extends Pick<NodeServices, "ledger" | "members" | "now" | "log" | "member"> {
  readonly store: RecordStore<Wanted>;
  /** Ids of those whose transfer has not begun. */
  readonly open: RecordStore<true>;
  readonly agreements: RecordStore<KeptAgreement>;
  readonly client: DataspaceClient;
  readonly negotiations: Processes<Negotiation, NegotiationMessage>;
  readonly transfers: Processes<Transfer, TransferMessage>;
  /** This node's own base address, and another member's. */
  readonly base: string;
  readonly baseOf: (member: string) => Promise<string>;
  /** Others can send something to this node. */
  readonly takesCalls: boolean;
  /** Push: where this node takes what is sent. */
  readonly inboxAddress: (pid: string, agreement: string, provider: string) => DataAddress;
}

export function createWanted(deps: WantedDeps) {
  const { store, open, negotiations, transfers } = deps;
  const queue = createKeyedQueue({
    run: drive,
    isPassing: () => true,
    onError: (id, error) => deps.log.warn({ err: error, id }, "transfer: not begun yet; trying again"),
  });

  async function drive(id: string): Promise<void> {
    const wanted = await store.get(id);
    if (wanted === undefined) return await open.delete(id);
    if (wanted.agreement !== undefined) {
      await beginTransfer(wanted, wanted.agreement);
      return await open.delete(id);
    }
    const pid = wanted.negotiation ?? "";
    const negotiation = await negotiations.find(pid);
    if (negotiation === undefined) {
      const address = await deps.baseOf(wanted.provider);
      return await negotiations.begin({
        pid,
        peer: wanted.provider,
        address,
        message: firstRequest(pid, wanted.offer, deps.base),
      });
    }
    const { document, sending } = negotiation.side;
    if (document === undefined && sending === undefined) return await open.delete(id);
    if (document?.state === "TERMINATED") return await open.delete(id);
    if (document?.state !== "FINALIZED" || document.agreement === undefined) return;
    const agreement = agreementUuid(document.agreement["@id"]);
    const refusal = await refusalOf(wanted, agreement, negotiation.history?.at(-1)?.at ?? wanted.at);
    await store.put(id, refusal === undefined ? { ...wanted, agreement } : { ...wanted, refusal });
    if (refusal !== undefined) return await open.delete(id);
    queue.poke(id);
  }

  /** The provider's word alone makes no agreement final. Throws while the ledger has nothing of it yet. `since`: of that word. */
  async function refusalOf({ provider, asset }: Wanted, id: string, since: string): Promise<string | undefined> {
    const kept = await deps.agreements.get(id);
    if (kept?.role !== "consumer" || kept.peer !== provider || kept.agreement.target !== asset) {
      return "agreement-mismatch";
    }
    const standing = await standingOf(deps.ledger, kept.agreement);
    if (standing === "finalized") return undefined;
    if (standing === "revoked") return "agreement-revoked";
    if (standing === "absent" && Date.parse(deps.now()) - Date.parse(since) < RECORDED_MS) {
      throw new TransferError("ERR_TRANSFER_STATE", "agreement-not-recorded", "the agreement is not on the ledger yet");
    }
    return "agreement-not-recorded";
  }

  async function beginTransfer({ id, provider, format }: Wanted, agreement: string): Promise<void> {
    await transfers.begin({
      pid: id,
      peer: provider,
      address: await deps.baseOf(provider),
      message: transferRequest({
        consumerPid: id,
        agreementId: `urn:uuid:${agreement}`,
        format,
        callbackAddress: deps.base,
        ...(format === PUSH ? { dataAddress: deps.inboxAddress(id, `urn:uuid:${agreement}`, provider) } : {}),
      }),
    });
  }

  /** The provider's offer, and that it is the policy that the ledger names. */
  async function offered(provider: string, asset: string): Promise<Policy> {
    const onLedger = await readAsset(deps.ledger, asset);
    if (onLedger === undefined) {
      throw new TransferError("ERR_TRANSFER_INVALID", "asset-unknown", "asset: not on the ledger", { field: "asset" });
    }
    if ((await deps.members.find(provider))?.record.endpoint === undefined) {
      const detail = `asset: ${provider} takes no calls, and records are fetched from their provider`;
      throw new TransferError("ERR_TRANSFER_INVALID", "provider-without-endpoint", detail, { field: "asset" });
    }
    const url = joined(await deps.baseOf(provider), "catalog", "datasets", encodeURIComponent(asset));
    const dataset = (await deps.client.get(provider, url, AbortSignal.timeout(30_000))) as
      | { hasPolicy?: readonly object[] }
      | undefined;
    const [offer] = dataset?.hasPolicy ?? [];
    if (offer === undefined) {
      throw new TransferError("ERR_TRANSFER_REFUSED", "asset-not-offered", `${provider} offers no asset ${asset}`, {
        field: "asset",
      });
    }
    const policy = { ...offer, target: asset } as Policy;
    if (termsOfPolicy(policy)?.digest !== onLedger.policyDigest) {
      throw new TransferError(
        "ERR_TRANSFER_OTHER_SIDE",
        "offer-not-on-ledger",
        "the offer is not the policy on the ledger",
      );
    }
    return policy;
  }

  /** Of the policy in force: under a later one what was approved has to be approved anew. */
  async function standing({ provider, asset, digest }: PolicyTerms, version: number, declaration: Declaration) {
    for await (const [id, kept] of deps.agreements.entries()) {
      const { agreement } = kept;
      if (kept.role !== "consumer" || kept.peer !== provider || agreement.target !== asset) continue;
      if (agreement["sealane:assetVersion"] !== version || agreement["sealane:policy"].digest !== digest) continue;
      if (canonicalJson(agreement["sealane:declared"]) !== canonicalJson(declaration)) continue;
      if (Date.parse(agreement["sealane:validUntil"]) <= Date.parse(deps.now())) continue;
      if ((await standingOf(deps.ledger, agreement)) === "finalized") return id;
    }
    return undefined;
  }

  return Object.freeze({
    /** Throws TransferError; what comes later is seen in the view. */
    async begin({ asset, format, declared }: Want): Promise<string> {
      const provider = asset.slice(0, asset.indexOf(":"));
      if (provider === deps.member) {
        throw new TransferError("ERR_TRANSFER_INVALID", "asset-own", "asset: this node has it", { field: "asset" });
      }
      if (format === PUSH && !deps.takesCalls) {
        const detail = "format: this node takes no calls, so nothing can be sent to it; fetch with HttpData-PULL";
        throw new TransferError("ERR_TRANSFER_INVALID", "consumer-without-endpoint", detail, { field: "format" });
      }
      const policy = await offered(provider, asset);
      const terms = termsOfPolicy(policy)!;
      if (terms.release === undefined) {
        throw new TransferError(
          "ERR_TRANSFER_REFUSED",
          "release-not-allowed",
          "asset: its policy releases no records",
          {
            field: "asset",
          },
        );
      }
      if (!terms.release.formats.includes(format)) {
        const detail = `format: the policy allows ${terms.release.formats.join(", ")}`;
        throw new TransferError("ERR_TRANSFER_REFUSED", "release-format-not-allowed", detail, { field: "format" });
      }
      const declaration = completed(terms, declared);
      if (declaration === undefined) {
        const isPurpose = declared.purpose === undefined && terms.purposes.length !== 1;
        const field = isPurpose ? "purpose" : "territory";
        const choice = field === "purpose" ? terms.purposes : terms.territories;
        const detail = `${field}: choose one of ${choice.join(", ")}`;
        throw new TransferError("ERR_TRANSFER_INVALID", "declaration-wanted", detail, { field });
      }
      const id = randomUUID();
      const version = (await readAsset(deps.ledger, asset))?.version ?? 0;
      const agreement = await standing(terms, version, declaration);
      await open.put(id, true);
      await store.put(id, {
        id,
        provider,
        asset,
        format,
        declaration,
        offer: declaringOffer(policy, declaration),
        ...(agreement === undefined ? { negotiation: uuidOf({ wanted: id }) } : { agreement }),
        at: deps.now(),
      });
      queue.poke(id);
      return id;
    },
    find: (id: string) => store.get(id),
    list: () => store.entries(),
    /** What came to nothing goes after a while; what has begun goes with its transfer. */
    async forgetEnded(keptMs: number): Promise<void> {
      const before = Date.parse(deps.now()) - keptMs;
      for await (const [id, { at }] of store.entries()) {
        if (Date.parse(at) > before || (await open.get(id)) === true) continue;
        if ((await transfers.find(id)) === undefined) await store.delete(id);
      }
    },
    /** A negotiation of this node has moved. */
    async moved(pid: string): Promise<void> {
      for await (const [id] of open.entries()) if (uuidOf({ wanted: id }) === pid) queue.poke(id);
    },
    async start() {
      for await (const [id] of open.entries()) queue.poke(id);
    },
    stop: () => queue.stop(),
  });
}
