/** Lists the tests that passed at their second try only: on a CI machine nobody looks for them in the log. */
import type { Reporter, TestModule } from "vitest/node";

export const secondTries: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const names = modules.flatMap(({ children }) =>
      [...children.allTests()].filter((test) => test.diagnostic()?.flaky === true).map(({ fullName }) => fullName),
    );
    if (names.length > 0) console.log(`\nPassed at the second try only (${names.length}):\n  ${names.join("\n  ")}`);
  },
};
