/**
 * What releases with noise over an asset have cost, in billionths of ρ (policies/privacy). An asset's account stays its
 * own over versions, policies and withdrawal; content that an account is kept for brings the account along, under
 * whatever name it is registered. A budget may become smaller, never larger. Openings take their cost before anything is
 * computed, in the order of the ledger; it is given back where nothing of the data was opened.
 */
import { demand } from "./errors.ts";
import type { Host } from "./host.ts";
import { keys, readContentAccounts, readPrivacyAccount, readPrivacyAccounts, readPrivacyCharge } from "./keys.ts";
import type { PrivacyAccountState } from "./records.ts";
import { providerOf } from "./rule.ts";
import type { TransactionBody } from "./transactions.ts";

type Statement = NonNullable<TransactionBody<"asset.register">["privacy"]>;
type Opening = Pick<TransactionBody<"computation.open">, "computation" | "cohort" | "privacy">;

/** Accounts of one asset: each other one came with content. */
const MOST_ACCOUNTS = 16;

/** Puts that a registration or activation with this statement leads to; throws before any of them. */
export async function accountsKept(host: Host, asset: string, stated: Statement | undefined) {
  const own = await readPrivacyAccounts(host.store, asset);
  demand(
    stated !== undefined || own.length === 0,
    "ERR_CONTRACT_PRIVACY",
    `privacy: ${asset} has a privacy account, so its content has to be stated`,
    "privacy",
  );
  if (stated === undefined) return async () => {};
  const { content, budget: wanted = Number.MAX_SAFE_INTEGER } = stated;
  const brought = await readContentAccounts(host.store, providerOf(asset), content);
  const known = [...new Set([...own, ...brought])].sort();
  const accounts = known.length === 0 && stated.budget !== undefined ? [asset] : known;
  demand(accounts.length <= MOST_ACCOUNTS, "ERR_CONTRACT_PRIVACY", `privacy: more than ${MOST_ACCOUNTS} accounts`);
  const changed: (readonly [account: string, state: PrivacyAccountState])[] = [];
  for (const account of accounts) {
    const present = await readPrivacyAccount(host.store, account);
    const budget = Math.min(present?.budget ?? Number.MAX_SAFE_INTEGER, wanted);
    changed.push([account, { budget, spent: present?.spent ?? 0 }]);
  }
  return async () => {
    await host.store.put(keys.assetPrivacy(asset), { accounts, content });
    if (accounts.length > 0) await host.store.put(keys.privacyContent(providerOf(asset), content), { accounts });
    for (const [account, state] of changed) await host.store.put(keys.privacyAccount(account), state);
  };
}

/** As accountsKept. */
export async function costTaken(host: Host, { computation, cohort, privacy }: Opening) {
  const charged = new Map<string, PrivacyAccountState>();
  for (const [at, { asset }] of cohort.entries()) {
    for (const account of await readPrivacyAccounts(host.store, asset)) {
      const field = `cohort[${at}].asset`;
      demand(
        privacy !== undefined,
        "ERR_CONTRACT_PRIVACY",
        `${field}: ${asset} has a privacy account; sums over it want noise`,
        field,
      );
      const before = (await readPrivacyAccount(host.store, account))!;
      const spent = before.spent + privacy.cost;
      demand(
        spent <= before.budget,
        "ERR_CONTRACT_PRIVACY_SPENT",
        `${field}: ${privacy.cost} of the ${before.budget - before.spent} that ${asset} has left of ${before.budget}`,
        field,
      );
      charged.set(account, { ...before, spent });
    }
  }
  return async () => {
    if (charged.size === 0 || privacy === undefined) return;
    for (const [account, state] of charged) await host.store.put(keys.privacyAccount(account), state);
    const charge = { cost: privacy.cost, accounts: [...charged.keys()] };
    await host.store.put(keys.privacyCharge(computation), charge);
  };
}

/** Nothing that the computation summed was opened. */
export async function giveCostBack(host: Host, computation: string): Promise<void> {
  const charge = await readPrivacyCharge(host.store, computation);
  if (charge === undefined) return;
  for (const account of charge.accounts) {
    const { budget, spent } = (await readPrivacyAccount(host.store, account))!;
    await host.store.put(keys.privacyAccount(account), { budget, spent: spent - charge.cost });
  }
}
