import { expect, test } from "vitest";
import type { TransferView } from "../http/routes/transfers/transfers.ts";
import { createTexts } from "../i18n/text.ts";
import { transferText } from "./transfer-view.ts";

const [en, zh] = [createTexts("en"), createTexts("zh-CN")];
const view = (change: Partial<TransferView>): TransferView => ({
  transfer: "t1",
  role: "consumer",
  peer: "alpha",
  asset: "alpha:panel",
  state: "REFUSED",
  ...change,
});

test("every reason of a refusal is a sentence in the reader's language, and said once", () => {
  const refused = view({ reason: "purpose-not-allowed", details: ["purpose-not-allowed, territory-not-allowed"] });
  expect(transferText(refused, en)).toMatch(
    /refused \(the purpose is not .*\[purpose-not-allowed\]\)\n +the policy does not allow this territory \[territory-not-allowed\]\n/,
  );
  const told = transferText(refused, zh);
  expect(told.match(/purpose-not-allowed/g)).toHaveLength(1);
  for (const line of told.split("\n").filter((text) => /[a-z]{3} [a-z]{3}/.test(text)))
    expect(line).toMatch(/[\u4e00-\u9fff]/);
});

test("values of a reason are filled in from the transfer", () => {
  expect(transferText(view({ state: "TERMINATED", reason: "asset-withdrawn" }), en)).toContain(
    "alpha:panel was withdrawn",
  );
});

test("a steward's words stand as they are, and what another program says is marked as its own", () => {
  expect(transferText(view({ reason: "approval-refused", details: ["Not before May."] }), zh)).toMatch(
    / Not before May\.$/m,
  );
  expect(transferText(view({ reason: "agreement-mismatch", details: ["agreement: no"] }), zh)).toContain(
    "（技术细节：agreement: no）",
  );
});

test("the next command is told while there is something to come", () => {
  const next = "sealane transfer fetch t1 --out FILE";
  expect(transferText(view({ state: "NEGOTIATING" }), en, next)).toMatch(new RegExp(`^next +${next}$`, "m"));
  expect(transferText(view({}), en, next)).not.toContain(next);
});
