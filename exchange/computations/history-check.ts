/**
 * Would this computation, with its whole cohort, tell fewer organisations apart than `need` beside what was released
 * before? Asked before any key is made (registry cells only: counted ones are known after phase 1). The steps ask again
 * with the sets that really come together.
 */
import { registryContributors, registryIncluded } from "../../crypto/secagg/cells.ts";
import { firstForbidden, type HistoryEntry } from "../../crypto/secagg/history.ts";
import type { Layout } from "../../crypto/secagg/layout.ts";
import type { Opened, Parties } from "../../crypto/secagg/opened.ts";
import { releaseEntry } from "../../crypto/secagg/phase-facts.ts";

export function isForbiddenByHistory(
  history: readonly HistoryEntry[],
  { opened, parties, layout }: { readonly opened: Opened; readonly parties: Parties; readonly layout: Layout },
): boolean {
  if (opened.cells.mode !== "registry" || history.length === 0) return false;
  const members = opened.cohort.map(({ member }) => member);
  const contributors = registryContributors(opened, parties, members, layout.atoms);
  const all = Array.from({ length: layout.atoms }, (_, atom) => atom);
  const included = registryIncluded(opened.cells.dimensions, all, contributors, opened.constants, layout);
  const facts = { opened, parties, layout, cells: { included, bitmap: "" }, survivors1: members, survivors2: members };
  const proposed = releaseEntry(facts, { digest: "", position: -1 });
  return firstForbidden(history, proposed) !== undefined;
}
