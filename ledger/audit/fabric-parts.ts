/** Puts the blocks of many records' proofs into one part, each once. */
import type { FabricHeader, FabricPart, FabricProof, PinnedFabric } from "./fabric-bundle.ts";
import { blockIn } from "./fabric-evidence.ts";

const AGREEING = 2;

/** What a node that holds this proof pins of its network: the first configuration block it carries, and the policy. */
export function pinnedFabric({ part, policy }: Pick<FabricProof, "part" | "policy">): PinnedFabric {
  const [first] = part.blocks;
  if (first === undefined) throw new RangeError("fabric: expected at least one block");
  const { number, hash } = blockIn(part, first);
  const { channel, chaincode } = part;
  return { channel, chaincode, config: { block: number, hash }, policy, statements: AGREEING };
}

export function mergeFabric(parts: readonly FabricPart[]): FabricPart {
  const [first] = parts;
  if (first === undefined) throw new RangeError("fabric: expected at least one proof");
  const identities: string[] = [];
  const places = new Map<string, number>();
  const placeOf = (identity: string): number => {
    const known = places.get(identity);
    if (known !== undefined) return known;
    places.set(identity, identities.length);
    return identities.push(identity) - 1;
  };
  const blocks = new Map<number, FabricPart["blocks"][number]>();
  const headers = new Map<number, FabricHeader>();
  for (const part of parts) {
    for (const header of part.headers) headers.set(header.number, header);
    for (const block of part.blocks) {
      const number = blockIn(part, block).number;
      if (blocks.has(number)) continue;
      const statements = block.statements.map((one) => ({
        ...one,
        endorser: placeOf(part.identities[one.endorser] ?? ""),
      }));
      blocks.set(number, { ...block, statements });
    }
  }
  const byNumber = (a: readonly [number, unknown], b: readonly [number, unknown]) => a[0] - b[0];
  return {
    channel: first.channel,
    chaincode: first.chaincode,
    blocks: [...blocks].toSorted(byNumber).map(([, block]) => block),
    headers: [...headers]
      .filter(([number]) => !blocks.has(number))
      .toSorted(byNumber)
      .map(([, header]) => header),
    identities,
  };
}
