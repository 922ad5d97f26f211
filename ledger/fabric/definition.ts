/** Whose endorsements the chaincode's transactions need, as peers of two organisations state it alike: what a trust file pins. */
import { peer } from "@hyperledger/fabric-protos";
import type { ChannelConfig } from "../audit/fabric-channel.ts";
import { answerIn, verifyAnswer } from "../audit/fabric-statement.ts";
import { LedgerError } from "../port.ts";
import type { AskedPeer } from "./peers.ts";

const CHAINCODE = "_lifecycle";
const FUNCTION = "QueryChaincodeDefinition";
const NEEDED = 2;

/** ApplicationPolicy, base64url. Throws LedgerError ERR_LEDGER_UNREACHABLE, or _FORK where peers contradict each other. */
export async function agreedPolicy(
  peers: readonly Pick<AskedPeer, "mspId" | "ask">[],
  chaincode: string,
  config: ChannelConfig,
): Promise<string> {
  const query = new peer.lifecycle.QueryChaincodeDefinitionArgs();
  query.setName(chaincode);
  const args = [query.serializeBinary()];
  const asked = await Promise.allSettled(
    peers.map(async ({ ask }) => {
      const answer = await ask(CHAINCODE, FUNCTION, args);
      const { mspId } = verifyAnswer(answer, config, CHAINCODE, [FUNCTION, ...args]).peer;
      const definition = peer.lifecycle.QueryChaincodeDefinitionResult.deserializeBinary(answerIn(answer.payload));
      return { mspId, policy: Buffer.from(definition.getValidationParameter_asU8()).toString("base64url") };
    }),
  );
  const stated = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const [first] = stated;
  const other = stated.find(({ policy }) => policy !== first?.policy);
  if (first !== undefined && other !== undefined) {
    const said = `${first.mspId} and ${other.mspId} name different endorsement policies of ${chaincode}`;
    throw new LedgerError("ERR_LEDGER_FORK", `fabric: peers of ${said}`);
  }
  const organisations = new Set(stated.map(({ mspId }) => mspId));
  if (first !== undefined && organisations.size >= NEEDED) return first.policy;
  const cause = asked.find((one) => one.status === "rejected")?.reason;
  const message = `fabric: ${organisations.size} organisations' peers state the endorsement policy, ${NEEDED} are needed`;
  throw new LedgerError("ERR_LEDGER_UNREACHABLE", message, { cause });
}
