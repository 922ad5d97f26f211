/** The statistics layout as the secure-aggregation steps see it: shapes, minima and record keys. */
import { CHUNK_WORDS } from "../../crypto/secagg/constants.ts";
import type { Layout as VectorLayout } from "../../crypto/secagg/layout.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { elementsIn, type Layout, layoutMinimumOrganisations, recordKey, termKeys } from "../statistics/layout.ts";

export interface VectorLayoutInputs {
  readonly layout: Layout;
  /** Cohort member and the asset it contributes. */
  readonly parties: readonly { readonly member: string; readonly asset: Asset }[];
  /** c of the opening record. */
  readonly colluders: number;
  /** Every policy trusts this release authority with exact moments of small cells. */
  readonly exactMomentsTrusted: boolean;
  /** Atoms left out from the start, because earlier releases forbid them. */
  readonly excluded: readonly number[];
}

export const vectorLayout = (inputs: VectorLayoutInputs): VectorLayout => ({
  atoms: inputs.layout.atoms,
  components: inputs.layout.components.flatMap((component) =>
    new Array<1 | 2>(elementsIn(component)).fill(component.words),
  ),
  excluded: inputs.excluded,
  minimumOrganisations: inputs.exactMomentsTrusted ? 0 : layoutMinimumOrganisations(inputs.layout, inputs.colluders),
  recordKeys: Array.from({ length: inputs.layout.atoms }, (_, atom) =>
    inputs.layout.components.flatMap((_component, index) => keysOf(inputs.layout, atom, index)),
  ),
  units: Object.fromEntries(
    inputs.parties.map(({ member, asset }) => [
      member,
      asset.unit.kind === "provider"
        ? { kind: "provider" as const }
        : { kind: "field" as const, domain: asset.unitDomain },
    ]),
  ),
  sharedUnitDomains: false,
  chunkWords: CHUNK_WORDS,
});

/** A weighted sum counts as a release of each sum in it too: several of them, solved, would give those. */
const keysOf = (layout: Layout, atom: number, component: number): readonly string[] =>
  [recordKey(layout, atom, component), ...termKeys(layout, atom, component)].map(digestOf);
