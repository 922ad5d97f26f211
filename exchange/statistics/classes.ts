/** A numeric element cut into classes at given edges. */
import type { Asset } from "../../policies/model/asset.ts";
import { boundsOf, multiplierOf, numericFieldOf, scaledInteger } from "./elements.ts";
import { StatisticsError } from "./errors.ts";
import type { LayoutDomain, LayoutElement } from "./layout.ts";

/** `from0..10` holds 0 and all below 10; the last class holds its upper edge too. */
const codeOf = (lower: string, upper: string): string => `from${lower}..${upper}`;

/** Every value within the declared bounds of every asset is in one class: none is left out in silence. */
export function classDomain(common: LayoutElement, edges: readonly string[], assets: readonly Asset[]): LayoutDomain {
  const name = common.element;
  const refuse = (message: string) => new StatisticsError("ERR_STATISTICS_DOMAIN", name, message);
  const units = new Set(assets.map((asset) => numericFieldOf(asset, name).unit ?? "no unit"));
  if (units.size > 1) throw refuse(`assets hold it in ${[...units].join(", ")}: edges need one unit`);
  const places = edges.map((edge) => {
    const place = scaledInteger(edge, common.scale, "exact");
    if (place === undefined) throw refuse(`edge ${edge} has more than ${common.scale} digits after the point`);
    return place;
  });
  const [first, last] = [places[0]!, places.at(-1)!];
  for (const [i, place] of places.entries()) {
    if (i > 0 && place <= places[i - 1]!) throw refuse(`edges ascend, got ${edges[i]} after ${edges[i - 1]}`);
  }
  for (const asset of assets) {
    const field = numericFieldOf(asset, name);
    const multiplier = multiplierOf(field, common)!;
    const { minimum, maximum } = boundsOf(field);
    if (minimum * multiplier < first || maximum * multiplier > last) {
      const { bounds } = field;
      throw refuse(
        `edges ${edges[0]} to ${edges.at(-1)} leave out values that ${asset.id} declares: ${bounds!.minimum} to ${bounds!.maximum}`,
      );
    }
  }
  return {
    kind: "element",
    name,
    codes: edges.slice(1).map((upper, i) => codeOf(edges[i]!, upper)),
    edges: places.map(String),
  };
}
