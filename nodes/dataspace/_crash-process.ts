/**
 * One side of negotiations, as a process of its own: see `_crash-side.ts`. A consumerPid begins with its path: `agreed`
 * at once, `accepted` as the provider offers it, `countered` by the consumer, `refused`, or `left` by the consumer.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  agreementMessage,
  counterRequest,
  eventMessage,
  firstRequest,
  negotiationTermination,
  offerMessage,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import { isNegotiationOver, type Negotiation } from "../../exchange/negotiation/negotiation.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { openCrashSide } from "./_crash-side.ts";

const side = await openCrashSide();
const terms = { target: "beta:panel", permission: [{ action: "use" }] };
const offer = (id: string) => ({ "@id": id, "@type": "Offer" as const, ...terms });
const COUNTER = "offer-of-the-consumer";

const pathOf = ({ consumerPid }: Negotiation): string => consumerPid.split(".")[0] ?? "";
const isCountered = (document: Negotiation): boolean => document.offer["@id"] === COUNTER;

function provider(document: Negotiation, agreed: () => ReturnType<typeof agreementMessage>) {
  const { state } = document;
  const path = pathOf(document);
  if (state === "VERIFIED") return eventMessage(document, "FINALIZED");
  if (state === "ACCEPTED") return agreed();
  if (state !== "REQUESTED") return undefined;
  if (path === "refused") return negotiationTermination(document, causeOf("purpose-not-allowed"));
  return path === "agreed" || isCountered(document) ? agreed() : offerMessage(document, offer("offer-of-the-provider"));
}

function consumer(document: Negotiation) {
  const { state } = document;
  if (state === "AGREED") return verificationMessage(document);
  if (state !== "OFFERED") return undefined;
  const path = pathOf(document);
  if (path === "countered") return counterRequest(document, offer(COUNTER));
  if (path === "left") return negotiationTermination(document, causeOf("too-dear"));
  return eventMessage(document, "ACCEPTED");
}

const negotiations = await side.serve(
  negotiationProtocol,
  {
    next: async ({ side: { document, role }, pid, peer }) => {
      if (document === undefined) return undefined;
      const parties = { assigner: side.setup.name, assignee: peer, timestamp: side.now() };
      const agreement = { "@id": `urn:uuid:${pid}`, "@type": "Agreement" as const, ...terms, ...parties };
      return role === "provider" ? provider(document, () => agreementMessage(document, agreement)) : consumer(document);
    },
  },
  (document) => (isCountered(document) && document.state === "REQUESTED" ? "REQUESTED again" : document.state),
);
for (const pid of side.setup.begin) {
  const { name, address } = side.peer;
  await negotiations.begin({ pid, peer: name, address, message: firstRequest(pid, offer("offer-1"), side.base) });
  // One after another: each death is that of its own negotiation.
  const isOver = async () => {
    const state = (await negotiations.find(pid))?.side.document?.state;
    return state !== undefined && isNegotiationOver(state);
  };
  while (!(await isOver())) await sleep(5);
}
