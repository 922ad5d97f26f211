/**
 * A request to fill in, over a cart of assets: what all of them hold and open, asked for as sums; what follows from their
 * policies is set, and every item of the form that only a person can know stands there empty.
 */
import type { Asset } from "../../policies/model/asset.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { Policy } from "../../policies/model/policy.ts";
import type { PolicyTerms } from "../../policies/model/terms.ts";

export interface CartItem {
  readonly asset: Asset;
  readonly offer: Policy;
}

export function draftOf(cart: readonly CartItem[], today: string) {
  const terms = cart.flatMap(({ offer }): PolicyTerms[] => {
    const parsed = parsePolicy(offer);
    return parsed.ok ? [parsed.terms] : [];
  });
  const common = (lists: readonly (readonly string[])[]): readonly string[] =>
    (lists[0] ?? []).filter((one) => lists.every((list) => list.includes(one)));
  const elements = common(
    terms.map((one) => Object.keys(one.elements).filter((element) => one.elements[element]?.aggregate.includes("sum"))),
  );
  const authorities = common(terms.map(({ releaseAuthorities }) => releaseAuthorities));
  const isReviewed = terms.every(({ receiverModes }) => receiverModes.includes("reviewed")) && authorities.length > 0;
  const until = terms.map(({ validUntil }) => validUntil.slice(0, 10)).toSorted()[0] ?? today;
  const [purpose = ""] = common(terms.map(({ purposes }) => purposes));
  const [legalBasis = ""] = common(terms.flatMap(({ legalBases }) => (legalBases === undefined ? [] : [legalBases])));
  return {
    title: { en: "", "zh-CN": "" },
    purpose: { code: purpose, text: "" },
    legalBasis: { code: legalBasis, text: "" },
    scenario: terms.find(({ scenarios }) => scenarios !== undefined)?.scenarios?.[0] ?? "",
    query: {
      measures: elements.map((element) => ({ id: element, statistic: { kind: "sum", element } })),
      groupBy: [],
      filters: [],
    },
    assets: cart.map(({ asset }) => asset.id),
    recipients: [],
    territory: common(terms.map(({ territories }) => territories))[0] ?? "CN",
    validity: { from: today, to: until },
    retentionDays: Math.min(365, ...terms.map(({ retentionDays }) => retentionDays)),
    receiverMode: isReviewed ? "reviewed" : "direct",
    receiver: isReviewed ? authorities[0] : "",
    coordinator: "",
    form: {
      applicant: { creditCode: "", person: "", phone: "", email: "" },
      scenario: "",
      necessity: Object.fromEntries(elements.map((element) => [element, ""])),
      usage: "aggregate-statistics",
      frequency: "once",
      calls: 1,
      deployment: "",
      leavesCountry: { leaves: false },
      onwardSharing: false,
      personalInformation: {
        involved: cart.some(({ asset }) => asset.fields.some(({ personal }) => personal === true)),
      },
      importantData: { involved: cart.some(({ asset }) => asset.grade.legal !== "general") },
      destruction: "delete",
      attachments: [],
      commitments: { confidentiality: false, agreement: false },
    },
  };
}
