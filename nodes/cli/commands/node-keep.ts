/** `sealane node rotate-key | backup | restore`: care of a node that is stopped. */
import type { Command } from "commander";
import { SUITE_IDS, type SuiteId } from "../../../crypto/suites/suite.ts";
import type { Manifest } from "../../runtime/backup.ts";
import type { Cli } from "../command.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { choice } from "../options.ts";
import { readPassphrase } from "../passphrase.ts";
import { renderFields } from "../table.ts";

export function nodeKeep(node: Command, { texts: { text }, action }: Cli): void {
  node
    .command("rotate-key")
    .description(text("cli.node.rotate"))
    .option("--suite <suite>", `${text("cli.node.rotate.suite")}: ${SUITE_IDS.join(" | ")}`, choice(SUITE_IDS))
    .action(
      action<{ readonly suite?: SuiteId }>(async (context, { suite }) => {
        const { rotateNode } = await import("../../runtime/rotate-node.ts");
        const passphrase = await readPassphrase(context);
        const options = { dir: context.dir, logLevel: "silent", ...(passphrase === undefined ? {} : { passphrase }) };
        const rotation = await rotateNode(options, suite);
        const { keyId, entry } = rotation;
        return {
          json: { key: keyId, suite: rotation.suite, position: entry.position, time: entry.time },
          human: renderFields([
            [text("cli.field.key"), keyId],
            [text("cli.field.position"), String(entry.position)],
          ]),
        };
      }),
    );
  node
    .command("backup")
    .argument("<folder>", text("cli.node.backup.folder"))
    .description(text("cli.node.backup"))
    .action(
      action(async (context, _options, folder) => {
        const { backupNode } = await import("../../runtime/backup.ts");
        const now = new Date(context.surroundings.now()).toISOString();
        return answer(context, folder, await backupNode({ dir: context.dir, target: context.path(folder), now }));
      }),
    );
  node
    .command("restore")
    .argument("<folder>", text("cli.node.restore.folder"))
    .description(text("cli.node.restore"))
    .action(
      action(async (context, _options, folder) => {
        const { restoreNode } = await import("../../runtime/backup.ts");
        return answer(context, context.dir, await restoreNode({ source: context.path(folder), dir: context.dir }));
      }),
    );
}

function answer({ texts: { text } }: CommandContext, folder: string, manifest: Manifest): Outcome {
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  return {
    json: { folder, member: manifest.member, createdAt: manifest.createdAt, files: manifest.files.length, bytes },
    human: renderFields([
      [text("cli.field.folder"), folder],
      [text("cli.field.member"), manifest.member],
      [text("cli.field.files"), String(manifest.files.length)],
      [text("cli.field.bytes"), String(bytes)],
    ]),
  };
}
