import { expect, test } from "vitest";
import { emptyWorld, foundedWorld } from "../../chaincode/rules/_world.ts";
import { keys } from "../../chaincode/rules/keys.ts";
import { demandForm } from "./open-ledger.ts";

test("a ledger that was founded under earlier rules is refused by name, a new or an empty one is not", async () => {
  const { state } = emptyWorld();
  await demandForm(state, "n");
  await demandForm((await foundedWorld()).state, "n");
  await state.put(keys.network, { network: "n" });
  await expect(demandForm(state, "n")).rejects.toMatchObject({ code: "ERR_LEDGER_FORM" });
});
