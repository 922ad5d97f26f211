/** The consumer's side of records: what this node fetches, and what providers send to it. */
import { join } from "node:path";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { PUSH } from "../../exchange/transfers/formats.ts";
import { policyOfAgreement, termsOfPolicy } from "../../exchange/transfers/release-agreement.ts";
import { isTransferOver } from "../../exchange/transfers/transfer.ts";
import { agreementUuid, standingOf } from "./agreements.ts";
import { createConsumerTransfers, isExpired } from "./consumer-transfers.ts";
import { createInbox, type InboxRecord } from "./inbox.ts";
import type { PlaneParts } from "./plane-parts.ts";
import type { PullClient } from "./pull-client.ts";
import { TransferError, unknownTransfer } from "./transfer-error.ts";
import { isHolding } from "./wishes.ts";

export interface ConsumerPlaneDeps extends PlaneParts {
  readonly pulls: Pick<PullClient, "pull">;
  /** Has this node asked for it? */
  readonly isWanted: (id: string) => Promise<boolean>;
}

export function createConsumerPlane({
  services,
  agreements,
  wishes,
  wish,
  transfers,
  pulls,
  isWanted,
}: ConsumerPlaneDeps) {
  const { ledger, member, openStore } = services;
  const agreedOn = async (id: string) => (await agreements.get(agreementUuid(id)))?.agreement;
  const next = createConsumerTransfers({ ledger, now: services.now, agreement: agreedOn });
  const inbox = createInbox({
    folder: join(services.dir, "received"),
    records: openStore<InboxRecord>("received"),
    async limit(pid) {
      const document = (await transfers().find(pid))?.side.document;
      if (document?.state !== "STARTED" || document.format !== PUSH || isHolding(await wishes.get(pid)))
        return undefined;
      const agreement = await agreedOn(document.agreementId);
      if (agreement === undefined || isExpired(agreement, services.now())) return undefined;
      if ((await standingOf(ledger, agreement)) !== "finalized") return undefined;
      return termsOfPolicy(policyOfAgreement(agreement))?.release?.bytes;
    },
    assertWritable: services.assertWritable,
  });

  return Object.freeze({
    inbox,
    next,
    /** What providers have sent to this node and lies on its disk. */
    async received() {
      const files = [];
      for await (const file of inbox.list()) files.push(file);
      return files;
    },
    async eraseReceived(id: string): Promise<void> {
      const state = (await transfers().find(id))?.side.document?.state;
      if (state !== undefined && !isTransferOver(state)) {
        const detail = `the transfer is ${state}, and what is erased would be sent again: complete or terminate it first`;
        throw new TransferError("ERR_TRANSFER_STATE", "transfer-not-over", detail);
      }
      if (!(await inbox.erase(id))) {
        if (state === undefined && !(await isWanted(id))) throw unknownTransfer();
        throw new TransferError("ERR_TRANSFER_STATE", "nothing-received", "nothing of it lies on this disk");
      }
      await services.accessLog.append({ actor: member, action: "received erased", target: id, outcome: "erased" });
    },
    /** Records of a transfer of this node as consumer: straight from the provider, or from what it has sent. */
    async fetch(
      id: string,
      conditions: {
        readonly range: string | undefined;
        readonly ifRange: string | undefined;
        readonly ifMatch: string | undefined;
      },
      signal: AbortSignal,
    ) {
      const kept = await transfers().find(id);
      const document = kept?.side.document;
      if (kept === undefined || document === undefined || kept.side.role !== "consumer") throw unknownTransfer();
      if (document.format === PUSH) {
        const whole = await inbox.open(id);
        if (whole === undefined) {
          const isKnown = (await inbox.state(id)).digest !== undefined;
          const gone = isKnown ? "received-lost" : "received-erased";
          const reason = document.state === "COMPLETED" ? gone : "not-received-yet";
          throw new TransferError("ERR_TRANSFER_STATE", reason);
        }
        const { file, digest, bytes } = whole;
        const headers = {
          "content-type": "text/csv; charset=utf-8; header=present",
          "content-length": String(bytes),
          "repr-digest": `sha-256=:${Buffer.from(digest, "base64url").toString("base64")}:`,
        };
        return { status: 200 as const, headers, body: file.createReadStream() };
      }
      if (document.state !== "STARTED") {
        throw new TransferError("ERR_TRANSFER_STATE", "transfer-not-started", `the transfer is ${document.state}`);
      }
      const agreed = await agreedOn(document.agreementId);
      if (agreed !== undefined && isExpired(agreed, services.now())) {
        throw new TransferError("ERR_TRANSFER_REFUSED", "agreement-expired");
      }
      const standing = agreed === undefined ? "other" : await standingOf(ledger, agreed);
      if (standing !== "finalized") {
        const reason = standing === "revoked" ? "agreement-revoked" : "agreement-not-recorded";
        await wish(id, { become: "TERMINATED", cause: causeOf(reason) });
        throw new TransferError("ERR_TRANSFER_REFUSED", reason);
      }
      return await pulls.pull({ peer: kept.peer, pid: id, source: document.source }, conditions, signal);
    },
  });
}
