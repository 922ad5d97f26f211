/**
 * Names, to a Gateway, the organisations that endorsed the call before: it asks those that a call names side by side. Without
 * names it asks one peer first, to learn from its answer whom else it needs. Where those named fail, it chooses again.
 */
import { status } from "@grpc/grpc-js";
import { common, gateway, msp, peer } from "@hyperledger/fabric-protos";

interface Endorsed {
  /** gateway.PreparedTransaction. */
  getBytes(): Uint8Array;
}

export interface NamedEndorsers {
  /** `propose` makes the call anew each time; undefined: the Gateway chooses. Throws what that throws. */
  endorse<T extends Endorsed>(propose: (organisations: readonly string[] | undefined) => Promise<T>): Promise<T>;
  /** They are not those who must endorse. */
  forget(): void;
}

export function createNamedEndorsers(): NamedEndorsers {
  let known: readonly string[] | undefined;

  return Object.freeze({
    async endorse<T extends Endorsed>(propose: (organisations: readonly string[] | undefined) => Promise<T>) {
      const named = known;
      const endorsed = await propose(named).catch((error: unknown) => {
        known = undefined;
        if (named === undefined || isTimeout(error)) throw error;
        return propose(undefined);
      });
      known ??= endorsersIn(endorsed.getBytes());
      return endorsed;
    },
    forget() {
      known = undefined;
    },
  });
}

/** MSP ids, each once. */
function endorsersIn(bytes: Uint8Array): readonly string[] {
  const envelope = gateway.PreparedTransaction.deserializeBinary(bytes).getEnvelope();
  const payload = common.Payload.deserializeBinary(envelope?.getPayload_asU8() ?? new Uint8Array());
  const [action] = peer.Transaction.deserializeBinary(payload.getData_asU8()).getActionsList();
  const body = peer.ChaincodeActionPayload.deserializeBinary(action?.getPayload_asU8() ?? new Uint8Array());
  const endorsements = body.getAction()?.getEndorsementsList() ?? [];
  const ids = endorsements.map((one) => msp.SerializedIdentity.deserializeBinary(one.getEndorser_asU8()).getMspid());
  return [...new Set(ids)];
}

/** Twice as long would be no better. */
const isTimeout = (error: unknown): boolean => (error as { readonly code?: unknown }).code === status.DEADLINE_EXCEEDED;
