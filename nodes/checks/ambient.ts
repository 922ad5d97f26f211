/** Clock, randomness and environment are arguments outside nodes/; tests beside the code may use them. */
import { type Check, type Finding, lineOf } from "./finding.ts";
import { isTest, isTypeScript, readText, repositoryFiles } from "./source-files.ts";

const AMBIENT = /\b(Math\.random|Date\.now|process\.env|performance\.now)\b|\bnew Date\(\)/g;
const COMMENT_OR_TEXT = /^\s*(\*|\/\/|\/\*)/;

export function ambientUses(path: string, text: string): readonly Finding[] {
  return [...text.matchAll(AMBIENT)].flatMap((match) => {
    const line = lineOf(text, match.index);
    if (COMMENT_OR_TEXT.test(text.split("\n")[line - 1] ?? "")) return [];
    return [{ where: `${path}:${line}`, what: `${match[0]} outside nodes/: take it as an argument` }];
  });
}

export const ambient: Check = async (root) => {
  const paths = (await repositoryFiles(root)).filter(
    (path) => isTypeScript(path) && !path.startsWith("nodes/") && !isTest(path),
  );
  const findings = await Promise.all(paths.map(async (path) => ambientUses(path, await readText(root, path))));
  return { findings: findings.flat(), summary: `${paths.length} files outside nodes/` };
};
