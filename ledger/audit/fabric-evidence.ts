/**
 * The Fabric part of a bundle, verified block by block from the pinned configuration on: every block under the ordering
 * service's signature and the configuration that was in force, followed through its changes, and stated alike by peers of
 * several organisations.
 */
import { type BlockParts, follows, verifyOrder } from "./fabric-block.ts";
import type { FabricBlock, FabricHeader, FabricPart, PinnedFabric } from "./fabric-bundle.ts";
import { type ChannelConfig, readChannelConfig } from "./fabric-channel.ts";
import { headerBytes } from "./fabric-der.ts";
import { demandThat, FabricFault, present } from "./fabric-fault.ts";
import { sha256 } from "./fabric-msp.ts";
import { type PeerStatement, statedBlock, verifyStatement } from "./fabric-statement.ts";
import { isCall, type VerifiedCall, verifyCall } from "./fabric-transaction.ts";
import type { Findings } from "./problems.ts";

export interface FabricEvidence {
  /** Numbers of the verified blocks that change nothing in the configuration, with their places. */
  readonly ordinary: ReadonlyMap<number, string>;
  /** A valid call in the verified block of this number. Throws FabricFault. */
  call(block: number, transaction: number): VerifiedCall;
  /** Versions of the chaincode, which are digests of its code, that the calls so far ran; ascending. */
  codes(): readonly string[];
}

interface ReadBlock {
  readonly where: string;
  readonly block: BlockParts;
  readonly statements: readonly PeerStatement[];
}

interface VerifiedBlock extends ReadBlock {
  /** In force for its transactions. */
  readonly config: ChannelConfig;
}

const VALID = 0;

/** Puts what is wrong into `chain` (order, configuration) and `agreement` (statements of peers). */
export function verifyFabric(
  part: FabricPart,
  pinned: PinnedFabric,
  chain: Findings,
  agreement: Findings,
): FabricEvidence {
  const verified = new Map<number, VerifiedBlock>();
  const ordinary = new Map<number, string>();
  const failed = (findings: Findings, where: string, work: () => void): boolean => {
    try {
      work();
      findings.seen();
      return false;
    } catch (error) {
      if (!(error instanceof FabricFault)) throw error;
      findings.fail(where, error.code, error.values);
      return true;
    }
  };
  for (const name of ["channel", "chaincode"] as const) {
    chain.expect(part[name] === pinned[name], `/body/fabric/${name}`, "fabric-pinned", { expected: pinned[name] });
  }
  const blocks: ReadBlock[] = [];
  for (const [at, block] of part.blocks.entries()) {
    const where = `/body/fabric/blocks/${at}`;
    failed(chain, where, () => blocks.push(readBlock(part, block, where)));
  }
  verifyLinks(blocks, part.headers, chain);

  let current: { readonly number: number; readonly config: ChannelConfig } | undefined;
  const waiting: { readonly read: ReadBlock; readonly under: ChannelConfig | undefined }[] = [];
  for (const read of blocks) {
    const { block, where } = read;
    const before = current;
    const stopped = failed(chain, where, () => {
      if (before === undefined) {
        const isPinned = block.number === pinned.config.block && block.hash === pinned.config.hash;
        demandThat(isPinned, "fabric-pinned", { block: block.number, expected: pinned.config.block });
        current = { number: block.number, config: configIn(block, pinned.channel) };
        verified.set(block.number, { ...read, config: current.config });
        waiting.push({ read, under: undefined });
        return;
      }
      const { lastConfig } = verifyOrder(block, before.config);
      if (lastConfig === block.number) {
        const config = configIn(block, pinned.channel);
        const expected = before.config.sequence + 1;
        demandThat(config.sequence === expected, "fabric-config", { expected, got: config.sequence });
        current = { number: block.number, config };
      } else {
        demandThat(lastConfig === before.number, "fabric-config", { block: block.number, missing: lastConfig });
        ordinary.set(block.number, where);
      }
      verified.set(block.number, { ...read, config: before.config });
      // A change of the configuration is stated under the one before: new roots cannot speak for themselves.
      waiting.push({ read, under: lastConfig === block.number ? before.config : undefined });
    });
    // Without its configuration nothing that follows can be judged.
    if (stopped && (before === undefined || looksLikeConfig(block))) break;
  }
  const latest = current?.config;
  for (const { read, under } of waiting) {
    const config = under ?? latest;
    if (config === undefined) continue;
    const stopped = failed(agreement, read.where, () => verifyAgreement(read, config, pinned.statements, agreement));
    if (stopped) verified.delete(read.block.number);
  }
  const calls = new Map<string, VerifiedCall>();
  return {
    ordinary,
    codes: () => [...new Set([...calls.values()].map(({ version }) => version))].sort(),
    call(number, transaction) {
      const name = `${number}/${transaction}`;
      const known = calls.get(name);
      if (known !== undefined) return known;
      const { block, config } = present(verified.get(number), `block ${number}`);
      const envelope = present(block.envelopes[transaction], `transaction ${transaction} of block ${number}`);
      const flag = block.flags[transaction];
      demandThat(flag === VALID, "fabric-invalid", { block: number, transaction, code: flag ?? "none" });
      const call = verifyCall(envelope, config, (chaincode) => {
        demandThat(chaincode === pinned.chaincode, "fabric-record", { chaincode });
        return config.endorsementPolicy(Buffer.from(pinned.policy, "base64url"));
      });
      calls.set(name, call);
      return call;
    },
  };
}

function verifyAgreement(
  { block, statements, where }: ReadBlock,
  config: ChannelConfig,
  needed: number,
  findings: Findings,
) {
  const organisations = new Set<string>();
  for (const [at, statement] of statements.entries()) {
    try {
      const stated = verifyStatement(statement, config);
      demandThat(stated.block.hash === block.hash, "fabric-statement", { block: block.number });
      const same = Buffer.compare(stated.block.flags, block.flags) === 0;
      demandThat(same, "fabric-flags", { block: block.number, msp: stated.peer.mspId });
      organisations.add(stated.peer.mspId);
    } catch (error) {
      if (!(error instanceof FabricFault)) throw error;
      findings.fail(`${where}/statements/${at}`, error.code, error.values);
    }
  }
  const counted = block.flags.length === block.envelopes.length;
  demandThat(counted, "fabric-flags", { block: block.number, flags: block.flags.length });
  const got = organisations.size;
  demandThat(got >= needed, "fabric-statements", { block: block.number, needed, got });
}

/** Blocks and headers ascend, and where two numbers follow each other, so do the hashes. */
function verifyLinks(blocks: readonly ReadBlock[], headers: readonly FabricHeader[], findings: Findings): void {
  const links = [
    ...blocks.map(({ block, where }) => ({ ...block, where })),
    ...headers.map((header, at) => ({ ...parsedHeader(header), where: `/body/fabric/headers/${at}` })),
  ].toSorted((a, b) => a.number - b.number);
  for (const [at, link] of links.entries()) {
    const before = links[at - 1];
    if (before === undefined) continue;
    const holds = link.number > before.number + 1 || follows(before, link);
    findings.expect(holds, link.where, "fabric-chain", { block: link.number });
  }
}

function parsedHeader({ number, previous, data }: FabricHeader) {
  const header = { number, previous: bytes(previous), data: bytes(data) };
  return { number, previous: header.previous, hash: sha256(headerBytes(header)).toString("base64url") };
}

function readBlock(part: FabricPart, { data, statements }: FabricBlock, where: string): ReadBlock {
  const wrapped = Buffer.concat(data.flatMap((envelope) => wrappedField(bytes(envelope))));
  const read = statements.map(({ proposal, before, after, endorser, signature }) => ({
    proposal: bytes(proposal),
    payload: Buffer.concat([bytes(before), wrapped, bytes(after)]),
    endorser: bytes(present(part.identities[endorser], `identity ${endorser}`)),
    signature: bytes(signature),
  }));
  const [first] = read;
  return { where, block: statedBlock(present(first, "statement")), statements: read };
}

/** As its first statement has it. Throws FabricFault. */
export const blockIn = (part: FabricPart, block: FabricBlock): BlockParts => readBlock(part, block, "").block;

/** One element of a repeated protobuf field number 1 of bytes: common.BlockData. */
export function wrappedField(content: Uint8Array): readonly Uint8Array[] {
  const head = [0x0a];
  let length = content.length;
  while (length > 0x7f) {
    head.push((length & 0x7f) | 0x80);
    length = Math.floor(length / 128);
  }
  return [Uint8Array.from([...head, length]), content];
}

/** By the hash of their block: each proof begins with the same, and its certificates are read and checked once. */
const recent = new Map<string, ChannelConfig>();
const MAX_RECENT = 8;

function configIn(block: BlockParts, channel: string): ChannelConfig {
  const [envelope, ...others] = block.envelopes;
  demandThat(envelope !== undefined && others.length === 0, "fabric-config", { block: block.number });
  const config = recent.get(block.hash) ?? readChannelConfig(envelope);
  if (!recent.has(block.hash) && recent.size >= MAX_RECENT) recent.clear();
  recent.set(block.hash, config);
  demandThat(config.channel === channel, "fabric-pinned", { expected: channel, got: config.channel });
  return config;
}

const looksLikeConfig = ({ envelopes }: BlockParts): boolean => {
  try {
    return envelopes.length === 1 && !isCall(envelopes[0]!);
  } catch {
    return true;
  }
};

const bytes = (text: string): Buffer => Buffer.from(text, "base64url");
