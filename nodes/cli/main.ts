/** The `sealane` command. */
import { keepCompiled } from "../boot/keep-compiled.ts";

keepCompiled();
// Only now: what is imported above is compiled before this line.
const [{ runCli }, { processSurroundings }] = await Promise.all([import("./run.ts"), import("./surroundings.ts")]);
process.exitCode = await runCli(process.argv.slice(2), processSurroundings());
