/** The Fabric part of a bundle with what was found wrong in it, kept for the checks that report it. */
import type { FabricPart, PinnedFabric } from "./fabric-bundle.ts";
import { type FabricEvidence, verifyFabric } from "./fabric-evidence.ts";
import { collectFindings } from "./problems.ts";

export interface ExaminedFabric {
  readonly evidence: FabricEvidence;
  readonly chain: ReturnType<typeof collectFindings>;
  readonly agreement: ReturnType<typeof collectFindings>;
}

export function examineFabric(part: FabricPart, pinned: PinnedFabric): ExaminedFabric {
  const chain = collectFindings();
  const agreement = collectFindings();
  return { evidence: verifyFabric(part, pinned, chain, agreement), chain, agreement };
}
