/** What the leak detector is for: with masks taken off by a double, the messages that are silent today must speak. */
import { expect, test, vi } from "vitest";
import { createNetwork, PROVIDERS, ROWS, SUM_BY_YEAR } from "./_network.ts";
import { createLeakDetector, type Leak } from "./leak-detector.ts";

vi.mock(import("../../crypto/secagg/masks.ts"), async (original) => ({
  ...(await original()),
  applyMask: () => undefined,
}));

test("with masks switched off the detector finds every provider's values in its contribution", async () => {
  const detector = createLeakDetector(
    PROVIDERS.flatMap((member) => ROWS[member]!.map(([, output]) => ({ label: member, text: output, scale: 1 }))),
  );
  const leaks: (Leak & { readonly by: string })[] = [];
  await using network = await createNetwork({
    observe(member, { direction, body }) {
      if (direction !== "sent" || body.length === 0) return;
      const found = detector.inspect(JSON.parse(Buffer.from(body).toString("utf8")));
      leaks.push(...found.map((leak) => ({ ...leak, by: member })));
    },
  });
  const request = await network.submit({ query: SUM_BY_YEAR });
  await network.state(request, ["released", "withheld", "failed"]);
  const contributed = leaks.filter(({ by, label }) => by === label);
  expect(new Set(contributed.map(({ label }) => label))).toEqual(new Set(PROVIDERS));
});
