/**
 * Which of this provider's datasets a participant may see, and which of them a filter wants: lists of ids, so that
 * neither a policy nor a document is read for what is not in the answer. An asset is in the lists of its audience and in
 * one list for each thing it can be filtered by.
 *
 *   for/<kind>, for/<kind>/<member>   everybody of the kind; this member, where the policy names members
 *   not/<member>                      never this member, whatever its kind
 *   element/…, keyword/…, level/…, legal/…, format/…
 */

import { sha256 } from "../../crypto/suites/digest.ts";
import { toBase64url, utf8 } from "../../crypto/suites/encoding.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { type Audience, isCurrent } from "../../policies/model/audience.ts";
import type { MemberFacts } from "../../policies/model/context.ts";
import type { CatalogFilter } from "./filter.ts";
import type { Wanted } from "./matching.ts";

export type Viewer = Pick<MemberFacts, "id" | "kind">;

/** Names of the lists that an asset is in at this time; none: nobody sees it. */
export function listsOf(asset: Asset, formats: readonly string[], audience: Audience, now: number): readonly string[] {
  if (!isCurrent(audience, now)) return [];
  const { kinds, members, except } = audience;
  const named = members?.filter((member) => !except.includes(member));
  return [
    ...new Set([
      ...kinds.flatMap((kind) => named?.map((member) => `for/${kind}/${member}`) ?? [`for/${kind}`]),
      ...(named === undefined ? except.map((member) => `not/${member}`) : []),
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
  const { some, none } = deciding(viewer);
  const named = filter.flatMap(({ element, keyword, level, legal, format }) => [
    ...(element === undefined ? [] : [[`element/${element}`]]),
    ...(keyword === undefined ? [] : [[keywordList(keyword)]]),
    ...(level === undefined ? [] : [LEVELS.filter((one) => one <= level).map((one) => `level/${one}`)]),
    ...(legal === undefined ? [] : [[`legal/${legal}`]]),
    ...(format === undefined ? [] : [[`format/${format}`]]),
  ]);
  return { all: [some, ...named], none };
}

/** The lists that decide about one asset: in one of `some`, and not in `none`. */
export const deciding = ({ id, kind }: Viewer) => ({ some: [`for/${kind}`, `for/${kind}/${id}`], none: `not/${id}` });
