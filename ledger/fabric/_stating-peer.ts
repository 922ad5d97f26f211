/** Peers that state an endorsement policy under keys made here, and the configuration in which these are good. */
import { createHash, generateKeyPairSync } from "node:crypto";
import { common, peer } from "@hyperledger/fabric-protos";
import { channelHeader } from "../../chaincode/fabric/_peer.ts";
import type { ChannelConfig } from "../audit/fabric-channel.ts";
import type { KnownIdentity } from "../audit/fabric-msp.ts";
import type { PeerStatement } from "../audit/fabric-statement.ts";
import { createSigner } from "./signer.ts";

const NOW = Date.parse("2026-11-22T12:00:00.000Z");
const organisations = new Map(
  ["Org1MSP", "Org2MSP", "Org3MSP"].map((mspId) => [mspId, generateKeyPairSync("ec", { namedCurve: "P-256" })]),
);
export const statingConfig = {
  channel: "sealane",
  identify(bytes: Uint8Array) {
    const mspId = Buffer.from(bytes).toString();
    const key = organisations.get(mspId)!.publicKey;
    return { mspId, role: "peer", from: 0, until: NOW * 2, key, fieldBytes: 32 } as KnownIdentity;
  },
} as ChannelConfig;

/** A peer of the organisation that names this policy, under the key of `signs`. */
export function peerOf(mspId: string, policy: string, { signs = mspId, fn = undefined as string | undefined } = {}) {
  async function ask(chaincode: string, name: string, args: readonly (string | Uint8Array)[]): Promise<PeerStatement> {
    const input = new peer.ChaincodeInput();
    input.setArgsList([fn ?? name, ...args].map((one) => Buffer.from(one)));
    const id = new peer.ChaincodeID();
    id.setName(chaincode);
    const spec = new peer.ChaincodeSpec();
    spec.setChaincodeId(id);
    spec.setInput(input);
    const invocation = new peer.ChaincodeInvocationSpec();
    invocation.setChaincodeSpec(spec);
    const payload = new peer.ChaincodeProposalPayload();
    payload.setInput(invocation.serializeBinary());
    const channel = new common.ChannelHeader();
    channel.setChannelId(statingConfig.channel);
    const header = new common.Header();
    header.setChannelHeader(channelHeader(NOW, channel));
    const proposal = new peer.Proposal();
    proposal.setHeader(header.serializeBinary());
    proposal.setPayload(payload.serializeBinary());
    const hash = createHash("sha256")
      .update(header.getChannelHeader_asU8())
      .update(header.getSignatureHeader_asU8())
      .update(proposal.getPayload_asU8());

    const definition = new peer.lifecycle.QueryChaincodeDefinitionResult();
    definition.setValidationParameter(Buffer.from(policy, "base64url"));
    const response = new peer.Response();
    response.setStatus(200);
    response.setPayload(definition.serializeBinary());
    const done = new peer.ChaincodeAction();
    done.setResponse(response);
    done.setChaincodeId(id);
    const answer = new peer.ProposalResponsePayload();
    answer.setProposalHash(hash.digest());
    answer.setExtension$(done.serializeBinary());
    const [bytes, endorser] = [answer.serializeBinary(), Buffer.from(mspId)];
    const key = organisations.get(signs)!.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const signature = await createSigner(key)(Buffer.concat([bytes, endorser]));
    return { proposal: proposal.serializeBinary(), payload: bytes, endorser, signature };
  }
  return { mspId, ask };
}
