import { expect, test } from "vitest";
import { promiseFindings } from "./promises.ts";

const ATTACK = "nodes/attacks/a.test.ts";
const OTHER = "ledger/b.test.ts";
/** Not written out, or this file would name a promise. */
const ID = "P-one";
const document = `# Threat model
### P-one
*One.*
- \`${ATTACK}\`: a lie fails
- \`${OTHER}\`: holds
### P-two
*Two.*
- \`${ATTACK}\`: a lie fails
- \`${ATTACK}\`: another %s fails

## Not promised
### No id
`;
const tests = {
  [ATTACK]: `test("P-one P-two: a lie fails", () => {});\ntest.each([["x"]])("P-two: another %s fails", () => {});\n`,
  [OTHER]: `it("holds", () => {});\nit("is not named anywhere", () => {});\n`,
};
const findings = (changed: Record<string, string> = {}, text = document) =>
  promiseFindings(text, { ...tests, ...changed }).map(({ where, what }) => `${where} ${what}`);

test("equal lists have no finding", () => {
  expect(findings()).toEqual([]);
});

test("a test that is removed, renamed or commented out is missed at its promise, in the suite and outside it", () => {
  const [first, second] = tests[ATTACK]!.split("\n");
  const lost = ["docs/threat-model.md:9 P-two: nodes/attacks/a.test.ts has no such test: another %s fails"];
  expect(findings({ [ATTACK]: `${first}\n` })).toEqual(lost);
  expect(findings({ [ATTACK]: `${first}\n// ${second}\n` })).toEqual(lost);
  expect(findings({ [OTHER]: "" })).toEqual(["docs/threat-model.md:5 P-one: ledger/b.test.ts has no such test: holds"]);
  expect(findings({ [OTHER]: `it("holds well", () => {});` })).toHaveLength(1);
  expect(findings({ [ATTACK]: tests[ATTACK]!.replace("P-one P-two", "P-two") })).toHaveLength(1);
});

test("a promise that is removed, promised twice or left without a test is found", () => {
  expect(findings({}, document.replace("### P-one\n", "### Gone\n"))).toEqual([
    "nodes/attacks/a.test.ts P-one is not promised: a lie fails",
  ]);
  expect(findings({}, document.replace("## Not promised", "### P-three\n*Three.*\n## Not promised"))).toEqual([
    "docs/threat-model.md:11 P-three names no test",
  ]);
  expect(findings({}, document.replace("### P-two", "### P-one"))).toContainEqual(
    expect.stringContaining("P-one is promised twice"),
  );
});

test("an attack that names no promise, or one that does not name it, is found with its place", () => {
  const added = `${tests[ATTACK]}test("a new attack", async () => {});\n`;
  expect(findings({ [ATTACK]: added })).toEqual(["nodes/attacks/a.test.ts:3 names no promise"]);
  expect(findings({ [ATTACK]: added.replace("a new", `${ID}: a new`) })).toEqual([
    "nodes/attacks/a.test.ts P-one does not name this test: a new attack",
  ]);
  expect(findings({ [OTHER]: `${tests[OTHER]}it("${ID}: also", () => {});` })).toEqual([
    "ledger/b.test.ts P-one does not name this test: also",
  ]);
});
