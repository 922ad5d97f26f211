/** One side of negotiations that it agrees to, as a process of its own: see `_crash-side.ts`. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  agreementMessage,
  eventMessage,
  firstRequest,
  verificationMessage,
} from "../../exchange/negotiation/compose.ts";
import { negotiationProtocol } from "../../exchange/negotiation/protocol.ts";
import { openCrashSide } from "./_crash-side.ts";

const side = await openCrashSide();
const terms = { target: "beta:panel", permission: [{ action: "use" }] };

const negotiations = await side.serve(negotiationProtocol, async ({ side: { document, role }, pid, peer }) => {
  if (document?.state === "REQUESTED" && role === "provider") {
    const parties = { assigner: side.setup.name, assignee: peer, timestamp: side.now() };
    return agreementMessage(document, { "@id": `urn:uuid:${pid}`, "@type": "Agreement", ...terms, ...parties });
  }
  if (document?.state === "AGREED" && role === "consumer") return verificationMessage(document);
  if (document?.state === "VERIFIED" && role === "provider") return eventMessage(document, "FINALIZED");
  return undefined;
});
for (const pid of side.setup.begin) {
  const offer = { "@id": "offer-1", "@type": "Offer" as const, ...terms };
  const { name, address } = side.peer;
  await negotiations.begin({ pid, peer: name, address, message: firstRequest(pid, offer, side.base) });
  // One after another: each death is that of its own negotiation.
  while ((await negotiations.find(pid))?.side.document?.state !== "FINALIZED") await sleep(5);
}
