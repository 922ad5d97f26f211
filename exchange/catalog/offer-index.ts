/**
 * Which of this provider's datasets a participant may see, and which of them a filter wants: lists of ids, so that
 * neither a policy nor a document is read for what is not in the answer. An asset is in the lists of its audience and in
 * one list for each thing it can be filtered by.
 *
 *   for/<kind>, for/<kind>/<member>   everybody of the kind; this member, where the policy names members
 *   not/<member>                      never this member, whatever its kind
 *   cleared, cleared/<label>          everybody; whom the operator admitted with this label, where the policy wants one
 *   element/…, keyword/…, level/…, legal/…, format/…
 */

import { sha256 } from "../../crypto/suites/digest.ts";
import { toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { type Audience, isCurrent, labelOf, type Viewer } from "../../policies/model/audience.ts";
import type { CatalogFilter } from "./filter.ts";
import type { Wanted } from "./matching.ts";

/** Names of the lists that an asset is in at this time; none: nobody sees it. */
export function listsOf(asset: Asset, formats: readonly string[], audience: Audience, now: number): readonly string[] {
  if (!isCurrent(audience, now)) return [];
  const { kinds, members, clearances, except } = audience;
  const named = members?.filter((member) => !except.includes(member));
  return [
    ...new Set([
      ...kinds.flatMap((kind) => named?.map((member) => `for/${kind}/${member}`) ?? [`for/${kind}`]),
      ...(named === undefined ? except.map((member) => `not/${member}`) : []),
      ...(clearances?.map((label) => `cleared/${label}`) ?? ["cleared"]),
      ...asset.fields.map(({ element }) => `element/${element}`),
      ...asset.keywords.map(keywordList),
      ...formats.map((format) => `format/${format}`),
      `level/${asset.grade.level}`,
      `legal/${asset.grade.legal}`,
    ]),
  ];
}

/** When that changes next, in milliseconds since 1970; undefined: never again. */
export function nextChange({ from, until }: Audience, now: number): number | undefined {
  if (now < from) return from;
  return now <= until ? until + 1 : undefined;
}

/** Keywords are free text of any length. */
const keywordList = (keyword: string): string => `keyword/${toBase64url(sha256(utf8(keyword.toLowerCase())))}`;

const LEVELS = ["L1", "L2", "L3", "L4"] as const;

/** Names of the lists of what the viewer sees and the filter wants. */
export function wantedLists(viewer: Viewer, filter: readonly CatalogFilter[]): Wanted<string> {
  const { all, none } = deciding(viewer);
  const named = filter.flatMap(({ element, keyword, level, legal, format }) => [
    ...(element === undefined ? [] : [[`element/${element}`]]),
    ...(keyword === undefined ? [] : [[keywordList(keyword)]]),
    ...(level === undefined ? [] : [LEVELS.filter((one) => one <= level).map((one) => `level/${one}`)]),
    ...(legal === undefined ? [] : [[`legal/${legal}`]]),
    ...(format === undefined ? [] : [[`format/${format}`]]),
  ]);
  return { all: [...all, ...named], none };
}

/** The lists that decide about one asset: in one of each of `all`, and not in `none`. */
export function deciding(viewer: Viewer): Wanted<string> {
  const { id, kind } = viewer;
  const label = labelOf(viewer);
  const cleared = label === undefined ? ["cleared"] : ["cleared", `cleared/${label}`];
  return { all: [[`for/${kind}`, `for/${kind}/${id}`], cleared], none: `not/${id}` };
}
