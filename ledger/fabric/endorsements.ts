/** Which of the peers' answers to one call make a transaction that the chaincode's policy takes. Pure. */
import type { KnownIdentity } from "../audit/fabric-msp.ts";
import type { Policy } from "../audit/fabric-policy.ts";
import type { PeerStatement } from "../audit/fabric-statement.ts";

/** An answer whose signature is its peer's. */
export interface Endorsement {
  readonly statement: PeerStatement;
  readonly peer: KnownIdentity;
}

/** Those of the first result, by arrival, that enough peers give; undefined while there is none. */
export function enoughOf(given: readonly Endorsement[], policy: Policy): readonly PeerStatement[] | undefined {
  const sufficient = byResult(given).find((same) => policy(same.map(({ peer }) => peer)));
  return sufficient?.map(({ statement }) => statement);
}

/** Whether peers gave different results for the same call. */
export const areAtOdds = (given: readonly Endorsement[]): boolean => byResult(given).length > 1;

function byResult(given: readonly Endorsement[]): readonly (readonly Endorsement[])[] {
  const groups = new Map<string, Endorsement[]>();
  for (const one of given) {
    const result = Buffer.from(one.statement.payload).toString("base64");
    groups.set(result, [...(groups.get(result) ?? []), one]);
  }
  return [...groups.values()];
}
