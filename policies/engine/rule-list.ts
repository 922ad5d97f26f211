/** Every rule, in the order verdicts are reported. A rule that is not here does not exist. */
import type { Rule } from "../model/verdict.ts";
import { privacy } from "../privacy/rule.ts";
import { appeal } from "../rules/appeal.ts";
import { approval } from "../rules/approval.ts";
import { columns } from "../rules/columns.ts";
import { counts } from "../rules/counts.ts";
import { encryptedQuery } from "../rules/encrypted-query.ts";
import { filters } from "../rules/filters.ts";
import { functions } from "../rules/functions.ts";
import { groupBy } from "../rules/group-by.ts";
import { identity } from "../rules/identity.ts";
import { join } from "../rules/join.ts";
import { legalBasis } from "../rules/legal-basis.ts";
import { method } from "../rules/method.ts";
import { minima } from "../rules/minima.ts";
import { period } from "../rules/period.ts";
import { personal } from "../rules/personal.ts";
import { purpose } from "../rules/purpose.ts";
import { receiverMode } from "../rules/receiver-mode.ts";
import { recipients } from "../rules/recipients.ts";
import { requestForm } from "../rules/request-form.ts";
import { requester } from "../rules/requester.ts";
import { retention } from "../rules/retention.ts";
import { rounding } from "../rules/rounding.ts";
import { scenario } from "../rules/scenario.ts";
import { separation } from "../rules/separation.ts";
import { target } from "../rules/target.ts";
import { territory } from "../rules/territory.ts";
import { units } from "../rules/units.ts";
import { useCount } from "../rules/use-count.ts";
import { validity } from "../rules/validity.ts";

export const RULES: readonly Rule[] = Object.freeze([
  target,
  separation,
  requester,
  purpose,
  legalBasis,
  scenario,
  territory,
  recipients,
  validity,
  useCount,
  retention,
  personal,
  receiverMode,
  method,
  functions,
  identity,
  filters,
  groupBy,
  units,
  rounding,
  period,
  columns,
  counts,
  minima,
  privacy,
  requestForm,
  appeal,
  approval,
]);

/** For what one provider answers by itself: what concerns computations alone does not hold. */
const answeredBy = (own: Rule): readonly Rule[] =>
  Object.freeze(
    RULES.flatMap((rule) => {
      if (rule === counts || rule === minima) return [];
      return [rule === method ? own : rule];
    }),
  );

export const QUERY_RULES = answeredBy(encryptedQuery);
export const JOIN_RULES = answeredBy(join);
