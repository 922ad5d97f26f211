// Reached only on a new enough Node. The checkout runs its TypeScript; the package has only dist/.
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

const source = join(__dirname, "../nodes/cli/main.ts");
const compiled = join(__dirname, "../dist/nodes/cli/main.js");

import(pathToFileURL(existsSync(source) ? source : compiled).href);
