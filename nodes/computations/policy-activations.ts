/**
 * Where the ledger has the activation that brought a version of an asset's policy. A version tells activations apart where
 * digests do not: a policy may come back. Every record is looked at once: a ledger grows, and this is asked for with
 * every result.
 */
import type { Ledger } from "../../ledger/port.ts";

export interface PolicyActivations {
  /** Its position, if it lies before `until`; undefined where the version came with a registration. */
  of(asset: string, version: number, until: number): Promise<number | undefined>;
}

export function createPolicyActivations(ledger: Pick<Ledger, "entries">): PolicyActivations {
  const positions = new Map<string, number>();
  let seen = 0;
  let looking: Promise<void> = Promise.resolve();

  async function look(until: number): Promise<void> {
    if (seen >= until) return;
    for await (const { position, transaction } of ledger.entries(seen, until - seen)) {
      const { type, body } = transaction.statement;
      if (type === "policy.activate") {
        const { asset, version } = body as { asset: string; version: number };
        positions.set(nameOf(asset, version), position);
      }
      seen = position + 1;
    }
  }

  return Object.freeze({
    async of(asset: string, version: number, until: number) {
      // The first registration brings version 1.
      if (version === 1) return undefined;
      looking = looking.catch(() => undefined).then(() => look(until));
      await looking;
      const position = positions.get(nameOf(asset, version));
      return position !== undefined && position < until ? position : undefined;
    },
  });
}

const nameOf = (asset: string, version: number): string => `${asset} ${version}`;
