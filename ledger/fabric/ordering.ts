/** Hands an envelope to one of the ordering nodes, for networks whose peers do not do it for their clients. */
import { type Client, Metadata } from "@grpc/grpc-js";
import { common, orderer } from "@hyperledger/fabric-protos";

const BROADCAST = "/orderer.AtomicBroadcast/Broadcast";

/**
 * Tries the nodes in turn from `first` on, each until the deadline that is given then, milliseconds since the epoch; resolves with the one that took it. Throws an Error: in the Gateway's words where
 * a node refused it and no node before may have taken it, so that nothing was ordered; otherwise it may have been.
 */
export async function broadcast(
  clients: readonly Client[],
  first: number,
  envelope: common.Envelope,
  deadline: () => number,
): Promise<number> {
  let unknown: Error | undefined;
  for (let tried = 0; tried < clients.length; tried += 1) {
    const at = (first + tried) % clients.length;
    try {
      const answer = await broadcastTo(clients[at]!, envelope, deadline());
      const status = answer.getStatus();
      if (status === common.Status.SUCCESS) return at;
      const said = `received unsuccessful response from orderer: status=${nameOf(status)}, info=${answer.getInfo()}`;
      if (status >= 400 && status < 500 && unknown === undefined) throw new Refused(`10 ABORTED: ${said}`);
      unknown ??= new Error(said);
    } catch (error) {
      if (error instanceof Refused) throw error;
      unknown ??= error as Error;
    }
  }
  throw unknown ?? new Error("profile: names no ordering node");
}

class Refused extends Error {
  override readonly name = "Refused";
}

const nameOf = (status: number): string =>
  Object.entries(common.Status).find(([, value]) => value === status)?.[0] ?? String(status);

function broadcastTo(client: Client, envelope: common.Envelope, deadline: number): Promise<orderer.BroadcastResponse> {
  return new Promise((resolve, reject) => {
    const stream = client.makeBidiStreamRequest(
      BROADCAST,
      (request: common.Envelope) => Buffer.from(request.serializeBinary()),
      (bytes: Buffer) => orderer.BroadcastResponse.deserializeBinary(bytes),
      new Metadata(),
      { deadline },
    );
    stream.once("data", (answer: orderer.BroadcastResponse) => {
      resolve(answer);
      stream.end();
    });
    stream.on("error", reject);
    stream.once("end", () => reject(new Error("ordering node: ended the call without an answer")));
    stream.write(envelope);
  });
}
