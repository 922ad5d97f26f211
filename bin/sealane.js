#!/usr/bin/env node
// Plain old JavaScript (CommonJS): it must run on every Node to say which one is needed.
// The words are joined with + because template strings are a syntax error on the oldest ones.
"use strict";

var MINIMUM = [24, 21, 0];

function tooOld(version) {
  var parts = version.replace(/^v/, "").split(/[.-]/);
  for (var i = 0; i < MINIMUM.length; i += 1) {
    var part = parseInt(parts[i], 10);
    if (part !== MINIMUM[i]) return part < MINIMUM[i];
  }
  return false;
}

if (tooOld(process.version)) {
  var wanted = MINIMUM.join(".");
  console.error(
    [
      "sealane: this is Node.js " + process.version + "; Sealane needs " + wanted + " or newer.",
      "  In this folder:  npm install node@24  and then  npx sealane",
      "  Or install Node.js " + wanted + " or newer on the system and run sealane again.",
      "sealane：当前的 Node.js 是 " + process.version + "，Sealane 需要 " + wanted + " 或更高版本。",
      "  在当前目录执行：npm install node@24 ，然后执行：npx sealane",
      "  或在系统中安装 Node.js " + wanted + " 或更高版本，再重新运行 sealane。",
    ].join("\n"),
  );
  process.exit(2);
} else {
  require("./start.js");
}
