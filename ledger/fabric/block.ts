/**
 * A block as a peer hands it over, read: the calls of our chaincode with what they were given, answered and wrote. The
 * hashes are checked against the header; everything else about a block is for the caller.
 */
import { createHash } from "node:crypto";
import { common, ledger, peer } from "@hyperledger/fabric-protos";
import { FUNCTIONS, type SubmitCall, type SubmitOutcome } from "../../chaincode/fabric/messages.ts";
import { LedgerError } from "../port.ts";

/** One valid transaction that called `submit`, or wrote into the chaincode's state in some other way. */
export interface FabricCall {
  readonly transactionId: string;
  /** Place in the block. */
  readonly index: number;
  /** The transaction's timestamp, UTC with Z and milliseconds: the time the contract went by. */
  readonly time: string;
  /** Digest of the rules it was made by, as the caller names them and the endorsed chaincode's version says; "" for no submit. */
  readonly code: string;
  /** Canonical texts of the signed transactions, in order. */
  readonly texts: readonly string[];
  readonly outcomes: readonly SubmitOutcome[];
  /** What the peers wrote; undefined: a deletion. */
  readonly writes: ReadonlyMap<string, string | undefined>;
}

export interface FabricBlock {
  readonly number: number;
  /** Of the header, base64url. */
  readonly hash: string;
  readonly previous: string;
  readonly calls: readonly FabricCall[];
}

const VALID = peer.TxValidationCode.VALID;

/** Throws LedgerError ERR_LEDGER_CORRUPT. */
export function readBlock(block: common.Block, chaincode: string): FabricBlock {
  try {
    return parseBlock(block, chaincode);
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    throw corrupt(`block ${block.getHeader()?.getNumber()}: cannot be read`, cause);
  }
}

function parseBlock(block: common.Block, chaincode: string): FabricBlock {
  const header = present(block.getHeader(), "header");
  const number = header.getNumber();
  const envelopes = present(block.getData(), "data").getDataList_asU8();
  const data = createHash("sha256");
  for (const envelope of envelopes) data.update(envelope);
  if (!data.digest().equals(header.getDataHash_asU8())) throw corrupt(`block ${number}: its data have another hash`);
  const codes = block.getMetadata()?.getMetadataList_asU8()[common.BlockMetadataIndex.TRANSACTIONS_FILTER];
  const calls = envelopes.flatMap((bytes, index) =>
    codes?.[index] === VALID ? (readCall(bytes, index, chaincode) ?? []) : [],
  );
  const previous = header.getPreviousHash_asU8();
  return {
    number,
    hash: headerHash(number, previous, header.getDataHash_asU8()),
    previous: base64url(previous),
    calls,
  };
}

function readCall(bytes: Uint8Array, index: number, chaincode: string): FabricCall | undefined {
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(bytes).getPayload_asU8());
  const header = common.ChannelHeader.deserializeBinary(
    present(payload.getHeader(), "payload header").getChannelHeader_asU8(),
  );
  if (header.getType() !== common.HeaderType.ENDORSER_TRANSACTION) return undefined;
  const [action] = peer.Transaction.deserializeBinary(payload.getData_asU8()).getActionsList();
  const body = peer.ChaincodeActionPayload.deserializeBinary(present(action, "action").getPayload_asU8());
  const answer = peer.ProposalResponsePayload.deserializeBinary(
    present(body.getAction(), "endorsed action").getProposalResponsePayload_asU8(),
  );
  const done = peer.ChaincodeAction.deserializeBinary(answer.getExtension_asU8());
  const writes = writesOf(done.getResults_asU8(), chaincode);
  const called = done.getChaincodeId()?.getName() === chaincode;
  if (!called && writes.size === 0) return undefined;
  const proposal = peer.ChaincodeProposalPayload.deserializeBinary(body.getChaincodeProposalPayload_asU8());
  const [name, caller, ...texts] = argumentsOf(proposal.getInput_asU8());
  if (called && name !== FUNCTIONS.submit && writes.size === 0) return undefined;
  const time = present(header.getTimestamp(), "timestamp");
  return {
    transactionId: header.getTxId(),
    index,
    time: new Date(time.getSeconds() * 1_000 + Math.floor(time.getNanos() / 1_000_000)).toISOString(),
    ...(called && name === FUNCTIONS.submit
      ? { code: codeOf(caller, done.getChaincodeId()?.getVersion() ?? ""), texts }
      : { code: "", texts: [] }),
    outcomes: called ? outcomesOf(done.getResponse()?.getPayload_asU8() ?? new Uint8Array()) : [],
    writes,
  };
}

function argumentsOf(input: Uint8Array): string[] {
  const spec = peer.ChaincodeInvocationSpec.deserializeBinary(input).getChaincodeSpec();
  return present(spec?.getInput(), "input").getArgsList_asU8().map(text);
}

/** Both where they differ, which is no node's own then. The contract answers only to a caller that names its code. */
function codeOf(caller: string | undefined, version: string): string {
  const { code = "none" } = JSON.parse(caller ?? "{}") as Partial<SubmitCall>;
  return code === version ? code : `${code} under version ${version}`.slice(0, 200);
}

function writesOf(results: Uint8Array, chaincode: string): ReadonlyMap<string, string | undefined> {
  const writes = new Map<string, string | undefined>();
  for (const space of ledger.rwset.TxReadWriteSet.deserializeBinary(results).getNsRwsetList()) {
    if (space.getNamespace() !== chaincode) continue;
    for (const write of ledger.rwset.kvrwset.KVRWSet.deserializeBinary(space.getRwset_asU8()).getWritesList()) {
      writes.set(write.getKey(), write.getIsDelete() ? undefined : text(write.getValue_asU8()));
    }
  }
  return writes;
}

/** The list that `submit` answered with. It is under the endorsers' signatures; its form is ours to check. */
export function outcomesOf(payload: Uint8Array): readonly SubmitOutcome[] {
  const outcomes: unknown = JSON.parse(text(payload));
  if (Array.isArray(outcomes) && outcomes.every((outcome) => typeof outcome?.ok === "boolean")) return outcomes;
  throw corrupt("chaincode: its answer is no list of outcomes");
}

/** SHA-256 of DER SEQUENCE {INTEGER number, OCTET STRING previous hash, OCTET STRING data hash}. */
function headerHash(number: number, previous: Uint8Array, data: Uint8Array): string {
  let hex = number.toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
  const content = Buffer.concat([tagged(0x02, Buffer.from(hex, "hex")), tagged(0x04, previous), tagged(0x04, data)]);
  return createHash("sha256").update(tagged(0x30, content)).digest("base64url");
}

/** Of at most 127 bytes: the largest here has three parts of 34, 34 and 10. */
const tagged = (tag: number, content: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.of(tag, content.length), content]);

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw corrupt(`block: no ${what}`);
  return value;
}

const corrupt = (detail: string, cause?: unknown): LedgerError =>
  new LedgerError("ERR_LEDGER_CORRUPT", `fabric: ${detail}`, { cause });
